// The page: of an agent, or of a file that was saved and has its profile inside.

import {render} from "preact";
import "./style.css";
import {App} from "./shell/App.tsx";
import {savedProfile} from "./data/saved.ts";
import {Store} from "./state/store.ts";

const place = document.getElementById("viewer");
if (place) {
  place.replaceChildren();
  render(<App store={new Store(window)} saved={savedProfile(document)} />, place);
}

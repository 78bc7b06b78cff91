// The search of panes that are no flame graph: what is typed, and what came of it. It must not know what is searched.

import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";
import {searched} from "./order.ts";

export interface SearchBoxProps {
  store: Store;
  view: View;
  /** What is searched, as in "Search … by regular expression". */
  what: string;
  placeholder: string;
  /** What was found. */
  said: string;
  /** Enter, or arrow down: to what was found. */
  onLeave: () => void;
}

const SAID = "search-said";

export function SearchBox({store, view, what, placeholder, said, onLeave}: SearchBoxProps) {
  const {wrong} = searched(view.search);
  return (
    <>
      <label class="search">
        <span class="visually-hidden">Search {what} by regular expression</span>
        <input type="search" value={view.search} placeholder={placeholder} aria-invalid={wrong !== ""} aria-describedby={SAID}
          onInput={(event) => store.set({search: event.currentTarget.value}, "replace")}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown" && event.key !== "Enter") return;
            event.preventDefault();
            onLeave();
          }} />
      </label>
      <span id={SAID} role="status" class={wrong === "" ? "idle" : "bad"}>
        {wrong === "" ? said : `No regular expression: ${wrong}`}
      </span>
    </>
  );
}

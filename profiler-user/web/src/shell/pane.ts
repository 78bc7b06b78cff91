// What every pane is given. It must not know any of them.

import type {Loaded} from "../data/loaded.ts";
import type {Profile} from "../data/profile.ts";
import type {Processes, ServiceStatus} from "../api/schema.ts";
import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";

export interface PaneProps {
  store: Store;
  view: View;
  /** The profile of the view: of the range, live, or a difference. */
  profile: Loaded<Profile>;
  /** What the agent says of itself, every few seconds; `null` in a file that was saved. */
  status: ServiceStatus | null;
  /** The processes that the agent knows, every few seconds; `null` in a file that was saved. */
  processes: Processes | null;
}

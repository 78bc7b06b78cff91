import type {PaneProps} from "../shell/pane.ts";

export function Filters(_: PaneProps) {
  return <p>Filters</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function Source(_: PaneProps) {
  return <p>Source</p>;
}

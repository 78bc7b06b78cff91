import type {PaneProps} from "../shell/pane.ts";

export function Timeline(_: PaneProps) {
  return <p>Timeline</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function Reasons(_: PaneProps) {
  return <p>Reasons</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function TopTable(_: PaneProps) {
  return <p>TopTable</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function HeatMap(_: PaneProps) {
  return <p>HeatMap</p>;
}

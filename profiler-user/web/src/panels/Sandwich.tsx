import type {PaneProps} from "../shell/pane.ts";

export function Sandwich(_: PaneProps) {
  return <p>Sandwich</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function FlameChart(_: PaneProps) {
  return <p>FlameChart</p>;
}

import type {PaneProps} from "../shell/pane.ts";

export function ProcessTree(_: PaneProps) {
  return <p>ProcessTree</p>;
}

// The pane of the flame graph: toolbar, breadcrumbs, picture, details.

import type {PaneProps} from "../shell/pane.ts";
import {Flame} from "./Flame.tsx";

export function FlamePane({store, view, profile}: PaneProps) {
  if (!profile.value) return null;
  return (
    <Flame
      tree={profile.value.tree}
      icicle={view.icicle}
      zoom={view.zoom}
      onZoom={(zoom) => store.set({zoom})}
      search={null}
      chosen={view.chosen}
      onChoose={(frame) => store.set({chosen: frame.text})}
      colour={view.colour}
      label="Flame graph"
    />
  );
}

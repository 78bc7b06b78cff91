// The pane of the flame graph: toolbar, breadcrumbs, picture, details.

import {useEffect, useMemo, useRef, useState} from "preact/hooks";
import {functionKey} from "../model/functions.ts";
import {compile, find, nextMatch} from "../model/search.ts";
import {nearest, nodeAt, pathOf, type Path, type Tree} from "../model/tree.ts";
import type {PaneProps} from "../shell/pane.ts";
import {zoomTo} from "../state/view.ts";
import {Breadcrumbs} from "./Breadcrumbs.tsx";
import {DetailsBar} from "./DetailsBar.tsx";
import {Flame} from "./Flame.tsx";
import {Legend} from "./Legend.tsx";
import {useDark} from "./media.ts";
import {Search} from "./Search.tsx";
import {useShaped} from "./Shape.tsx";
import {Toolbar} from "./Toolbar.tsx";

export function FlamePane(props: PaneProps) {
  const tree = props.profile.value?.tree;
  return tree && tree.frame.length > 0 ? <Pane {...props} whole={tree} /> : null;
}

function Pane({store, view, whole, status}: PaneProps & {whole: Tree}) {
  const {zoom, icicle, colour} = view;
  const dark = useDark();
  const [selected, setSelected] = useState<Path | null>(null);
  const tree = useShaped(whole, view);
  const query = useMemo(() => compile(view.search), [view.search]);
  const found = useMemo(() => (query.pattern ? find(tree, query.pattern) : null), [tree, query]);
  const zoomed = useMemo(() => nearest(tree, zoom), [tree, zoom]);
  const at = selected ? nodeAt(tree, selected) : -1;
  const picture = useRef<HTMLDivElement>(null);

  const step = (by: 1 | -1) => {
    const match = found ? nextMatch(found, at >= 0 ? at : 0, by) : -1;
    if (match < 0) return;
    setSelected(pathOf(tree, match));
    if (match < zoomed || match >= tree.end[zoomed]!) store.set(zoomTo([]));
  };
  // The root is where one begins to read: at the bottom it may be far below the window.
  useEffect(() => {
    if (!icicle) picture.current?.scrollIntoView({block: "end"});
  }, [icicle]);

  return (
    <>
      <div class="flame-bar">
        <Search text={view.search} query={query} tree={tree} found={found} onStep={step}
          onSearch={(search) => store.set({search}, "replace")} />
        <Toolbar store={store} view={view} agent={status !== null} whole={whole} />
      </div>
      <div class="flame-bar">
        <Breadcrumbs path={zoom} there={tree.depth[zoomed]!} onZoom={(path) => store.set(zoomTo(path))} />
        <Legend tree={tree} colour={colour} dark={dark} />
      </div>
      <div ref={picture} class="flame-picture">
        <Flame
          tree={tree}
          icicle={icicle}
          zoom={zoom}
          onZoom={(path) => store.set(zoomTo(path))}
          near={view.near}
          onNear={(near) => store.set({near}, "replace")}
          search={query.pattern}
          found={found}
          chosen={view.chosen}
          onChoose={(frame) => store.set({chosen: view.chosen === functionKey(frame) ? "" : functionKey(frame)})}
          colour={colour}
          label="Flame graph"
          selected={selected}
          onSelect={setSelected}
        />
      </div>
      {at > 0 && (
        <DetailsBar store={store} view={view} tree={tree} node={at} zoomed={zoomed} agent={status !== null} onClose={() => setSelected(null)} />
      )}
    </>
  );
}

// What is left out of a profile, in all panes that show it: kinds of frames, calls of a function by itself, stacks without a
// function. It must not know how a pane shows what is left.

import {useEffect, useMemo, useRef} from "preact/hooks";
import {percent} from "../data/numbers.ts";
import {shaped, shapedPath} from "../model/transform.ts";
import type {Tree} from "../model/tree.ts";
import type {Store} from "../state/store.ts";
import {HIDEABLE, zoomTo, type Hideable, type View} from "../state/view.ts";
import {Toggle} from "./Toggle.tsx";

const HIDE: Record<Hideable, string> = {
  library: "standard library",
  package: "packages",
  kernel: "kernel",
  unknown: "unknown",
  label: "processes and threads",
};

/** The profile as the view wants it. */
export function useShaped(whole: Tree, {hide, collapse, only}: View): Tree {
  const hidden = hide.join();
  return useMemo(() => shaped(whole, {hide, collapse, only}), [whole, hidden, collapse, only]);
}

export interface ShapeProps {
  store: Store;
  view: View;
  /** The profile, whole. */
  whole: Tree;
}

export function Shape({store, view, whole}: ShapeProps) {
  const {hide, collapse, only} = view;
  // The box that is zoomed to stays, or its nearest caller does.
  const set = (change: Partial<Pick<View, "hide" | "collapse">>) =>
    store.set({...change, ...zoomTo(shapedPath(whole, view.zoom, {hide, collapse, ...change}))});
  return (
    <>
      <Hide hide={hide} onHide={(hide) => set({hide})} />
      <Toggle name="Collapse recursion" on={collapse} set={(collapse) => set({collapse})} />
      {only !== "" && <Only store={store} view={view} whole={whole} />}
    </>
  );
}

/** Which function all stacks have, and what share of the whole they are. */
function Only({store, view: {only}, whole}: ShapeProps) {
  const left = useMemo(() => shaped(whole, {hide: [], collapse: false, only}).total[0]!, [whole, only]);
  const all = whole.total[0]!;
  return (
    <span class="only">
      <span>Only stacks with <bdi>{only}</bdi>{all > 0 && `: ${percent(left / all)} of all`}</span>{" "}
      <button type="button" onClick={() => store.set({only: "", ...zoomTo([])})}>All stacks</button>
    </span>
  );
}

function Hide({hide, onHide}: {hide: readonly Hideable[]; onHide: (hide: Hideable[]) => void}) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const elsewhere = (event: Event) => {
      if (menu.current && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, []);
  const escape = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !menu.current?.open) return;
    menu.current.open = false;
    menu.current.querySelector("summary")?.focus();
    event.preventDefault();
  };
  return (
    <details ref={menu} class="menu" onKeyDown={escape}>
      <summary>{hide.length === 0 ? "Hide" : `Hidden: ${hide.map((kind) => HIDE[kind]).join(", ")}`}</summary>
      <ul>
        {HIDEABLE.map((kind) => (
          <li key={kind}>
            <label>
              <input
                type="checkbox"
                checked={hide.includes(kind)}
                onChange={(event) => {
                  const on = event.currentTarget.checked;
                  onHide(HIDEABLE.filter((one) => (one === kind ? on : hide.includes(one))));
                }}
              />{" "}
              {HIDE[kind]}
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}

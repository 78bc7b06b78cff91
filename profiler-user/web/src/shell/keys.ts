// Keys that work everywhere on the page. Panes have their own besides, on what has the focus. It must not know the panes'.

import {useEffect} from "preact/hooks";
import type {Store} from "../state/store.ts";
import {PANES, zoomTo} from "../state/view.ts";
import {toggleCompare, toggleLive} from "./steps.ts";

/** What the help lists. */
export const KEYS: readonly [string, string][] = [
  ["/", "search"],
  ["?", "this help"],
  ["1 … 7", "flame graph, top, sandwich, flame chart, heat map, source, processes"],
  ["l", "follow the present, or stop"],
  ["i", "root at the top or at the bottom"],
  ["c", "compare with before, or stop"],
  ["Escape", "out of the zoom, then no search, then nothing chosen"],
  ["← → ↑ ↓", "in the flame graph: sibling, caller, callee; in tables: rows"],
  ["Enter, Backspace, Home", "zoom to the box or choose the row; out by one; to the root"],
  ["Space", "in the flame graph: choose the box, highlight its function everywhere"],
  ["n, N", "in the flame graph: next and previous match of the search"],
  ["+, −", "in the flame graph and the timeline: closer, farther"],
  ["s, o", "in the table of functions: callers and callees, source"],
  ["n, p, h", "in the source: next and previous line with samples, the hottest one"],
  ["f", "in the processes: flame graph of the process"],
];

/** Keys go to what is typed into first, and to a dialog that is open. */
function isTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  if (document.querySelector("dialog[open]")) return true;
  return target !== null && (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable);
}

export function useKeys(store: Store, onHelp: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
      const {view} = store;
      const pane = PANES[Number(event.key) - 1];
      if (pane) store.set({pane});
      else if (event.key === "/") document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      else if (event.key === "?") onHelp();
      else if (event.key === "l") store.set(toggleLive(view));
      else if (event.key === "i") store.set({icicle: !view.icicle});
      else if (event.key === "c") store.set(toggleCompare(view));
      else if (event.key === "Escape") {
        if (view.zoom.length > 0) store.set(zoomTo([]));
        else if (view.search !== "") store.set({search: ""});
        else if (view.chosen !== "") store.set({chosen: ""});
        else return;
      } else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [store, onHelp]);
}

// What the picture is made of and how it is drawn: merged by what, without what, coloured by what. Each is a part of the
// view. It must not know what is in the tree.

import {useState} from "preact/hooks";
import type {Tree} from "../model/tree.ts";
import type {Store} from "../state/store.ts";
import {COLOURS, zoomTo, type Colour, type View} from "../state/view.ts";
import {Shape} from "./Shape.tsx";
import {Toggle} from "./Toggle.tsx";

const COLOUR: Record<Colour, string> = {origin: "origin", module: "module", name: "name", difference: "difference"};

export interface ToolbarProps {
  store: Store;
  view: View;
  /** Whether there is an agent to ask for another profile; a saved page has only its own. */
  agent: boolean;
  /** The profile, whole. */
  whole: Tree;
}

export function Toolbar({store, view, agent, whole}: ToolbarProps) {
  // Other frames have other texts: what was zoomed to is not there any more.
  const merge = (change: Partial<View>) => store.set({...change, ...zoomTo([])});
  // On a narrow screen the picture comes first.
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="flame-more" aria-expanded={open} aria-controls="flame-options" onClick={() => setOpen(!open)}>Options</button>
      <div id="flame-options" class={open ? "flame-options open" : "flame-options"}>
        <span class="flame-group" role="group" aria-label="One box for each">
          <Toggle name="Function" on={!view.lines} off={!agent} set={() => merge({lines: false})} />
          <Toggle name="Line" on={view.lines} off={!agent} set={() => merge({lines: true})} />
        </span>
        <span class="flame-group" role="group" aria-label="Boxes for">
          {/* A comparison is of functions in all processes. */}
          <Toggle name="Processes" on={view.processes} off={!agent || view.compare !== null} set={(processes) => merge({processes})} />
          <Toggle name="Threads" on={view.threads} off={!agent} set={(threads) => merge({threads})} />
        </span>
        <Shape store={store} view={view} whole={whole} />
        <label>Colour <select value={view.colour} onChange={(event) => store.set({colour: event.currentTarget.value as Colour})}>
          {COLOURS.filter((colour) => colour !== "difference" || view.compare !== null || colour === view.colour)
            .map((colour) => <option key={colour} value={colour}>{COLOUR[colour]}</option>)}
        </select></label>
        <span class="flame-group" role="group" aria-label="Root">
          <Toggle name="Icicle" hint="Root at the top (i)" on={view.icicle} set={() => store.set({icicle: true})} />
          <Toggle name="Flame" hint="Root at the bottom (i)" on={!view.icicle} set={() => store.set({icicle: false})} />
        </span>
      </div>
    </>
  );
}

// What the picture is made of and how it is drawn: merged by what, without what, coloured by what. Each is a part of the
// view. It must not know the tree.

import {useEffect, useRef, useState} from "preact/hooks";
import type {Store} from "../state/store.ts";
import {COLOURS, HIDEABLE, type Colour, type Hideable, type View} from "../state/view.ts";

const HIDE: Record<Hideable, string> = {
  library: "standard library",
  package: "packages",
  kernel: "kernel",
  unknown: "unknown",
  label: "processes and threads",
};
const COLOUR: Record<Colour, string> = {origin: "origin", module: "module", name: "name", difference: "difference"};

export interface ToolbarProps {
  store: Store;
  view: View;
  /** Whether there is an agent to ask for another profile; a saved page has only its own. */
  agent: boolean;
  /** Leaves frames out, or collapses recursion, without losing the box that is zoomed to. */
  onShape: (shape: Partial<Pick<View, "hide" | "collapse">>) => void;
}

export function Toolbar({store, view, agent, onShape}: ToolbarProps) {
  // Other frames have other texts: what was zoomed to is not there any more.
  const merge = (change: Partial<View>) => store.set({...change, zoom: []});
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
        <Hide hide={view.hide} onHide={(hide) => onShape({hide})} />
        <Toggle name="Collapse recursion" on={view.collapse} set={(collapse) => onShape({collapse})} />
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

interface ToggleProps {
  name: string;
  hint?: string;
  on: boolean;
  off?: boolean;
  set: (on: boolean) => void;
}

function Toggle({name, hint, on, off = false, set}: ToggleProps) {
  return <button type="button" title={hint ?? ""} aria-pressed={on} disabled={off} onClick={() => set(!on)}>{name}</button>;
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

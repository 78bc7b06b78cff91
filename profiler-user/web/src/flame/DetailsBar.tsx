// The box that was chosen last: its numbers, and what can be done with it. It must not know the picture.

import {useState} from "preact/hooks";
import {functionKey} from "../model/functions.ts";
import {frameOf, pathOf, type Frame, type Tree} from "../model/tree.ts";
import type {Store} from "../state/store.ts";
import {zoomTo, type View} from "../state/view.ts";
import {details} from "./details.ts";
import {visible} from "./labels.ts";
import {Rows} from "./Tooltip.tsx";

export interface DetailsBarProps {
  store: Store;
  view: View;
  tree: Tree;
  node: number;
  zoomed: number;
  /** Whether there is an agent to ask. */
  agent: boolean;
  onClose: () => void;
}

export function DetailsBar({store, view, tree, node, zoomed, agent, onClose}: DetailsBarProps) {
  const said = details(tree, node, zoomed);
  const frame = frameOf(tree, node);
  return (
    <section class="flame-details" aria-label="Details">
      <header>
        <strong><bdi>{visible(said.title)}</bdi></strong>
        <button type="button" aria-label="Close details" onClick={onClose}>×</button>
      </header>
      <Rows details={said} />
      <div class="flame-actions">
        {node === zoomed
          ? <button type="button" disabled={zoomed === 0} onClick={() => store.set(zoomTo(pathOf(tree, tree.parent[node]!)))}>Zoom out</button>
          : <button type="button" onClick={() => store.set(zoomTo(pathOf(tree, node)))}>Zoom</button>}
        {frame && <Actions store={store} view={view} frame={frame} pid={pidOf(tree, node, view)} agent={agent} />}
      </div>
    </section>
  );
}

interface ActionsProps {
  store: Store;
  view: View;
  frame: Frame;
  pid: number;
  agent: boolean;
}

function Actions({store, view, frame, pid, agent}: ActionsProps) {
  const key = functionKey(frame);
  const same = view.chosen === key;
  const process = agent ? pidOfFrame(frame) : 0;
  return (
    <>
      <button type="button" aria-pressed={same} onClick={() => store.set({chosen: same ? "" : key})}>Highlight everywhere</button>
      {(frame.kind === "python" || frame.kind === "kernel") && (
        <button type="button" aria-pressed={view.only === key} onClick={() => store.set({only: view.only === key ? "" : key, ...zoomTo([])})}>
          Only stacks with this
        </button>
      )}
      <button type="button" onClick={() => store.set({chosen: key, pane: "sandwich"})}>Callers and callees</button>
      {agent && frame.file !== "" && frame.kind === "python" && (
        <button type="button" onClick={() => store.set({chosen: key, pane: "source", file: frame.file, filePid: pid})}>Source</button>
      )}
      {process > 0 && (
        <button type="button" onClick={() => store.set({filters: {...view.filters, pid: [String(process)]}, ...zoomTo([])})}>
          Only this process
        </button>
      )}
      <Copy text={frame.text} />
    </>
  );
}

function Copy({text}: {text: string}) {
  const [done, setDone] = useState("");
  const copy = () => {
    // Over plain HTTP from another machine browsers have no clipboard.
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    written.then(() => setDone("Copied"), () => setDone("The browser does not allow it"));
  };
  return (
    <>
      <button type="button" onClick={copy}>Copy name</button>
      <span role="status">{done}</span>
    </>
  );
}

/** A process frame's; 0: it is none. */
function pidOfFrame(frame: Frame): number {
  return frame.kind === "process" ? Number(/^process (\d+)\b/.exec(frame.text)?.[1] ?? 0) : 0;
}

/** The process that a node is of; 0: it may be of several. */
function pidOf(tree: Tree, node: number, view: View): number {
  for (let at = node; at > 0; at = tree.parent[at]!) {
    const pid = pidOfFrame(tree.frames[tree.frame[at]!]!);
    if (pid > 0) return pid;
  }
  const [pid, ...others] = view.filters.pid ?? [];
  return pid !== undefined && others.length === 0 ? Number(pid) || 0 : 0;
}

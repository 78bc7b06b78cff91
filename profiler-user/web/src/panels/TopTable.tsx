// All functions as a table: what each uses itself and with what it calls, or what became of it between two sides. It must
// not know how the profile came here.

import {useMemo, useState} from "preact/hooks";
import {Shape, useShaped} from "../flame/Shape.tsx";
import {sidesOf} from "../model/changes.ts";
import {functionKey, functionsOf, nameOf} from "../model/functions.ts";
import type {Frame, Tree} from "../model/tree.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";
import {amountCells, changeCells} from "./cells.tsx";
import {Grid} from "./Grid.tsx";
import {SearchBox} from "./SearchBox.tsx";
import {ordered, searched, sortedBy, sortingOf, usedCount} from "./order.ts";

export function TopTable({store, view, profile}: PaneProps) {
  return profile.value ? <Table store={store} view={view} whole={profile.value.tree} /> : null;
}

function Table({store, view, whole}: {store: Store; view: View; whole: Tree}) {
  const tree = useShaped(whole, view);
  const compared = tree.before !== null;
  const functions = useMemo(() => functionsOf(tree), [tree]);
  const sides = useMemo(() => sidesOf(whole), [whole]);
  const sorting = useMemo(() => sortingOf(view.sort, compared), [view.sort, compared]);
  const {pattern} = useMemo(() => searched(view.search), [view.search]);
  const rows = useMemo(() => ordered(functions, pattern, sorting, sides), [functions, pattern, sorting, sides]);
  const used = useMemo(() => usedCount(functions), [functions]);
  // Which row keys are about, by its function: rows move while the profile is live.
  const [at, setAt] = useState({key: view.chosen, row: 0});
  const cursor = useMemo(() => {
    const now = functions.keys.indexOf(at.key);
    const row = now < 0 ? -1 : rows.indexOf(now);
    return row >= 0 ? row : Math.max(Math.min(at.row, rows.length - 1), 0);
  }, [functions, rows, at]);
  const keyAt = (row: number) => functions.keys[rows[row]!] ?? "";
  const frameAt = (row: number) => functions.frames[rows[row]!]!;
  const actions = (frame: Frame, which: number) => {
    const tab = which === rows[cursor] ? 0 : -1;
    return (
      <>
        <button type="button" tabIndex={tab} title="Callers and callees (s)" aria-label={`Callers and callees of ${nameOf(frame)}`}
          onClick={(event) => go(event, () => toSandwich(store, frame))}>⇅</button>
        {frame.file !== "" && (
          <button type="button" tabIndex={tab} title="Source (o)" aria-label={`Source of ${nameOf(frame)}`}
            onClick={(event) => go(event, () => toSource(store, frame))}>≡</button>
        )}
      </>
    );
  };
  const {columns, cells} = compared
    ? changeCells(functions, sides, sorting, actions)
    : amountCells(functions, whole.total[0]!, tree.secondsPerSample, sorting, actions);
  return (
    <section class="top-pane" aria-label="Functions">
      <div class="tools">
        <SearchBox store={store} view={view} what="functions, files and modules" placeholder="function, file or module"
          said={said(rows.length, used)} onLeave={() => document.getElementById(compared ? "changes" : "top")?.focus()} />
        <Shape store={store} view={view} whole={whole} />
      </div>
      <Grid
        id={compared ? "changes" : "top"} label={compared ? "Functions, compared" : "Functions"} columns={columns} count={rows.length}
        row={(row) => ({
          key: keyAt(row),
          cells: cells(rows[row]!),
          selected: view.chosen !== "" && keyAt(row) === view.chosen,
        })}
        cursor={cursor}
        onCursor={(row) => setAt({key: keyAt(row), row})}
        onChoose={(row) => store.set({chosen: keyAt(row) === view.chosen ? "" : keyAt(row)})}
        onSort={(column) => store.set({sort: sortedBy(column, sorting)})}
        onKey={(key, row) => {
          if (key === "s") toSandwich(store, frameAt(row));
          else if (key === "o" && frameAt(row).file !== "") toSource(store, frameAt(row));
          else return false;
          return true;
        }}
      >
        {used === 0 ? "No functions." : "No function matches."}
      </Grid>
    </section>
  );
}

function said(rows: number, all: number): string {
  const count = (value: number) => value.toLocaleString("en");
  return rows === all ? `${count(all)} function${all === 1 ? "" : "s"}` : `${count(rows)} of ${count(all)} functions`;
}

/** What a button in a row does is not to choose the row. */
function go(event: Event, action: () => void): void {
  event.stopPropagation();
  action();
}

export function toSandwich(store: Store, frame: Frame): void {
  store.set({chosen: functionKey(frame), pane: "sandwich"});
}

export function toSource(store: Store, frame: Frame): void {
  store.set({chosen: functionKey(frame), file: frame.file, filePid: 0, pane: "source"});
}

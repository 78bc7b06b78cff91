// The columns of the table of functions, alone and compared. It must not know where the functions come from, nor in which
// order they are.

import type {ComponentChild} from "preact";
import {cpu} from "../data/numbers.ts";
import {changeOf, largestChange, markOf, type Sides} from "../model/changes.ts";
import {isReason, nameOf, type Functions} from "../model/functions.ts";
import type {Frame} from "../model/tree.ts";
import {ChangeBar, ShareBar, signedCpu, signedPoints} from "./bars.tsx";
import type {Column} from "./Grid.tsx";
import type {Sort, Sorting} from "./order.ts";

export interface Cells {
  columns: Column[];
  cells: (at: number) => ComponentChild[];
}

/** What can be done with a function, at the end of its row. */
export type Actions = (frame: Frame, at: number) => ComponentChild;

function column(id: string, head: string, title: string, sorting: Sorting | null, kind = ""): Column {
  const sort = sorting === null ? undefined : sorting.by !== (id as Sort) ? "none" : sorting.smallestFirst ? "ascending" : "descending";
  return {id, head, title, class: kind, ...(sort ? {sort} : {})};
}

const lastOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Name, file, module and what can be done: the same in both tables. */
function nameColumns(sorting: Sorting): Column[] {
  return [
    column("name", "Function", "Function", sorting),
    column("file", "File", "File", sorting, "wide"),
    column("module", "Module", "Module", sorting, "wide"),
    column("actions", "", "What can be done", null),
  ];
}

function nameCells(functions: Functions, at: number, actions: Actions): ComponentChild[] {
  const frame = functions.frames[at]!;
  const mark = functions.before ? markOf(functions, at) : "";
  return [
    <span class={`name ${frame.origin}`} title={frame.text}>
      <span class="text">{nameOf(frame)}</span>
      {isReason(frame) && <span class="tag reason">not attributed</span>}
      {mark !== "" && <span class={`tag ${mark}`}>{mark}</span>}
      {frame.withinNoise && <span class="tag noise" title="At these numbers of samples, the change of Self may be chance">within noise</span>}
    </span>,
    <span title={frame.file}>{frame.file === "" ? (frame.kind === "kernel" ? "kernel" : "") : `${lastOf(frame.file)}${frame.firstLine > 0 ? `:${frame.firstLine}` : ""}`}</span>,
    frame.module,
    actions(frame, at),
  ];
}

/** Self and total: samples, CPU time and share. */
export function amountCells(functions: Functions, whole: number, secondsPerSample: number, sorting: Sorting, actions: Actions): Cells {
  const share = (part: number) => (whole > 0 ? part / whole : 0);
  const count = (value: number) => value.toLocaleString("en", {maximumFractionDigits: 0});
  return {
    columns: [
      column("self", "Self", "Share of the function itself", sorting),
      column("selfcpu", "CPU", "CPU time of the function itself", null, "number wide"),
      column("selfsamples", "Samples", "Samples of the function itself", null, "number wide"),
      column("total", "Total", "Share of the function and what it calls", sorting),
      column("totalcpu", "CPU", "CPU time of the function and what it calls", null, "number wide"),
      column("totalsamples", "Samples", "Samples of the function and what it calls", null, "number wide"),
      ...nameColumns(sorting),
    ],
    cells: (at) => {
      const [self, total] = [functions.self[at]!, functions.total[at]!];
      return [
        <ShareBar share={share(self)} />, cpu(self * secondsPerSample), count(self),
        <ShareBar share={share(total)} />, cpu(total * secondsPerSample), count(total),
        ...nameCells(functions, at, actions),
      ];
    },
  };
}

/** Before, after and what changed. In a difference all weights are CPU seconds. */
export function changeCells(functions: Functions, sides: Sides, sorting: Sorting, actions: Actions): Cells {
  const largest = {self: largestChange(functions, "self"), total: largestChange(functions, "total")};
  return {
    columns: [
      column("change", "Self change", "Change of the CPU time of the function itself", sorting),
      column("share", "of share", "Change of its share, in points of a hundred", sorting, "number"),
      column("before", "Before", "CPU time of the function itself, before", sorting, "number wide"),
      column("after", "After", "CPU time of the function itself, after", sorting, "number wide"),
      column("totalchange", "Total change", "Change of the CPU time of the function and what it calls", sorting, "wide"),
      column("totalbefore", "Before", "CPU time of the function and what it calls, before", sorting, "number wide"),
      column("totalafter", "After", "CPU time of the function and what it calls, after", sorting, "number wide"),
      ...nameColumns(sorting),
    ],
    cells: (at) => {
      const [self, total] = [changeOf(functions, "self", at, sides), changeOf(functions, "total", at, sides)];
      return [
        <ChangeBar value={self.change} largest={largest.self} text={signedCpu(self.change)} />, signedPoints(self.share),
        cpu(self.before), cpu(self.after),
        <ChangeBar value={total.change} largest={largest.total} text={signedCpu(total.change)} />,
        cpu(total.before), cpu(total.after),
        ...nameCells(functions, at, actions),
      ];
    },
  };
}


// The order of the table's rows: which match what was searched, sorted by which column. It must not know the page.

import {changeOf, type Sides} from "../model/changes.ts";
import {compile} from "../model/search.ts";
import {nameOf, type Functions} from "../model/functions.ts";

/** Columns that a table can be sorted by, as the address names them. */
export const SORTS = ["self", "total", "name", "file", "module"] as const;
export const CHANGE_SORTS = ["change", "before", "after", "share", "totalchange", "totalbefore", "totalafter", "name", "file", "module"] as const;
export type Sort = (typeof SORTS)[number] | (typeof CHANGE_SORTS)[number];

export interface Sorting {
  by: Sort;
  smallestFirst: boolean;
}

/** How a table is sorted; what the address says wrongly, or of the other table, is as at first. */
export function sortingOf(sort: string, compared: boolean): Sorting {
  const known: readonly Sort[] = compared ? CHANGE_SORTS : SORTS;
  const name = sort.replace(/^-/, "");
  const by = known.find((one) => one === name);
  if (by) return {by, smallestFirst: sort.startsWith("-")};
  return {by: compared ? "change" : "self", smallestFirst: false};
}

const TEXTS: ReadonlySet<Sort> = new Set<Sort>(["name", "file", "module"]);

/** What the address says after a click on a column: numbers begin with the largest, texts with A; again is the reverse. */
export function sortedBy(column: string, now: Sorting): string {
  const smallest = column === now.by ? !now.smallestFirst : TEXTS.has(column as Sort);
  return `${smallest ? "-" : ""}${column}`;
}

/** What was searched, as it matches names, files and modules without regard to case. */
export interface Searched {
  pattern: RegExp | null;
  /** Why it is no regular expression; empty: it is one. */
  wrong: string;
}

export function searched(text: string): Searched {
  const {pattern, error} = compile(text);
  // `/(/i: Unterminated group`: the last part is what there is to know beside the input.
  return {pattern, wrong: error.split(": ").at(-1)!};
}

const isUsed = ({total, before}: Functions, at: number) => total[at] !== 0 || (before?.total[at] ?? 0) !== 0;

/** How many functions use anything: while a profile is live, frames stay known that nothing is in any more. */
export function usedCount(functions: Functions): number {
  return functions.keys.filter((_, at) => isUsed(functions, at)).length;
}

/** Functions in the order of the table: those that match and are not nothing. */
export function ordered(functions: Functions, pattern: RegExp | null, sorting: Sorting, sides: Sides): Int32Array {
  const {frames, total} = functions;
  const found: number[] = [];
  for (let at = 0; at < frames.length; at++) {
    if (!isUsed(functions, at)) continue;
    if (pattern) {
      const {text, module} = frames[at]!;
      if (!pattern.test(text) && !(module !== "" && pattern.test(module))) continue;
    }
    found.push(at);
  }
  const rows = Int32Array.from(found);
  const direction = sorting.smallestFirst ? 1 : -1;
  if (TEXTS.has(sorting.by)) {
    const texts = frames.map((frame) => (sorting.by === "name" ? nameOf(frame) : sorting.by === "file" ? frame.file : frame.module));
    return rows.sort((a, b) => (texts[a]! < texts[b]! ? -direction : texts[a]! > texts[b]! ? direction : total[b]! - total[a]!));
  }
  const value = values(functions, sorting.by, sides);
  // What is equal by this column is by its total, and then stays as it is.
  return rows.sort((a, b) => direction * (value[a]! - value[b]!) || total[b]! - total[a]! || a - b);
}

/** What each function is sorted by. Changes are by their size: what went away matters as much as what came. */
function values(functions: Functions, by: Sort, sides: Sides): Float64Array {
  const {self, total, before} = functions;
  const of = (value: (at: number) => number) => Float64Array.from(self, (_, at) => value(at));
  switch (by) {
    case "total": return total;
    case "before": return before?.self ?? self;
    case "totalbefore": return before?.total ?? total;
    case "totalafter": return total;
    case "change": return of((at) => Math.abs(changeOf(functions, "self", at, sides).change));
    case "totalchange": return of((at) => Math.abs(changeOf(functions, "total", at, sides).change));
    case "share": return of((at) => Math.abs(changeOf(functions, "self", at, sides).share));
    default: return self;
  }
}


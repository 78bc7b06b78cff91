// Samples by second and offset within it: from the API's heat map to cells. It must not know how it is drawn.

import type * as schema from "../api/schema.ts";
import type {Span} from "./selection.ts";

export interface HeatCells {
  /** When the first column begins. */
  from: number;
  /** Whole seconds. */
  seconds: number;
  parts: number;
  /** Samples, column by column: `columns[second * parts + part]`. */
  counts: Float64Array;
  most: number;
  /** Seconds before this one may lack samples. */
  completeSince: number;
}

/** Into how many parts the API can divide a second. */
const PARTS = [100, 50, 25, 20, 10] as const;

/** Parts that are not shorter than the time between two samples: finer ones would show when samples are taken, which is
 *  at the same moments of each second, rather than what the programs do. `hertz`: samples a second and CPU. */
export function partsFor(hertz: number): number {
  return PARTS.find((parts) => parts <= hertz) ?? PARTS.at(-1)!;
}

export function cellsOf(heat: schema.Heat): HeatCells {
  const {parts, columns} = heat;
  const counts = new Float64Array(columns.length * parts);
  columns.forEach((column, second) => counts.set(column.slice(0, parts), second * parts));
  return {
    from: heat.start_unix_seconds, seconds: columns.length, parts, counts,
    most: heat.most, completeSince: heat.complete_since_unix_seconds,
  };
}

/** What is known of a second: samples; that there were none; that there may have been more. */
export type Known = "samples" | "nothing" | "unknown";

export function known(cells: HeatCells, second: number): Known {
  const {parts, counts} = cells;
  if (cells.from + second < cells.completeSince) return "unknown";
  for (let part = 0; part < parts; part++) if (counts[second * parts + part]! > 0) return "samples";
  return "nothing";
}

/** Cells for at most so many columns: of several seconds in one, the largest number of each part. A sum would hide in
 *  which of them a burst was, and make the map darker the longer it is. */
export function squeezed(cells: HeatCells, most: number): HeatCells & {each: number} {
  const each = Math.max(1, Math.ceil(cells.seconds / Math.max(most, 1)));
  if (each === 1) return {...cells, each};
  const {parts} = cells;
  const columns = Math.ceil(cells.seconds / each);
  const counts = new Float64Array(columns * parts);
  for (let i = 0; i < cells.counts.length; i++) {
    const second = Math.floor(i / parts);
    const to = Math.floor(second / each) * parts + (i % parts);
    counts[to] = Math.max(counts[to]!, cells.counts[i]!);
  }
  return {...cells, counts, each};
}

/** Samples in the seconds from the one to the other, both with. */
export function samplesIn(cells: HeatCells, a: number, b: number): number {
  const [first, last] = [Math.min(a, b), Math.max(a, b)];
  return cells.counts.subarray(first * cells.parts, (last + 1) * cells.parts).reduce((sum, count) => sum + count, 0);
}

/** The seconds from the one column to the other, both with. */
export function spanOfSeconds(cells: HeatCells, a: number, b: number): Span {
  return {from: cells.from + Math.min(a, b), until: cells.from + Math.max(a, b) + 1};
}

/** How strong a count is, 0 to 1: by its root, so that a few samples beside many can still be seen. */
export const strength = (count: number, most: number) => (most > 0 ? Math.sqrt(count / most) : 0);

/** Seconds without any sample, as runs: `[first, last]`, both with. */
export function stalls(cells: HeatCells): [number, number][] {
  const runs: [number, number][] = [];
  for (let second = 0; second < cells.seconds; second++) {
    if (known(cells, second) !== "nothing") continue;
    const run = runs.at(-1);
    if (run && run[1] === second - 1) run[1] = second;
    else runs.push([second, second]);
  }
  return runs;
}

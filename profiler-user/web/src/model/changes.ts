// What became of functions between two sides of a comparison. It must not know how a change is shown.

import type {Use} from "./functions.ts";
import type {Tree} from "./tree.ts";

/** One side's weight and the other's. */
export interface Change {
  before: number;
  after: number;
  /** After less before. */
  change: number;
  /** By how much its share of its own side changed: 0.1 is ten points of a hundred. */
  share: number;
}

/** Whether a function is on both sides. */
export type Mark = "" | "new" | "gone";

/** Totals of both sides, as the tree has them. */
export interface Sides {
  before: number;
  after: number;
}

export function sidesOf(tree: Tree): Sides {
  return {before: tree.before?.total[0] ?? 0, after: tree.total[0] ?? 0};
}

export function change(before: number, after: number, sides: Sides): Change {
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
  return {before, after, change: after - before, share: share(after, sides.after) - share(before, sides.before)};
}

export function changeOf(use: Use, which: "self" | "total", at: number, sides: Sides): Change {
  return change(use.before?.[which][at] ?? 0, use[which][at]!, sides);
}

export function markOf(use: Use, at: number): Mark {
  const [before, after] = [use.before?.total[at] ?? 0, use.total[at]!];
  return before === 0 && after > 0 ? "new" : after === 0 && before > 0 ? "gone" : "";
}

/** The largest change of all, to draw the others beside. */
export function largestChange(use: Use, which: "self" | "total"): number {
  let largest = 0;
  const before = use.before?.[which];
  if (before) use[which].forEach((after, at) => (largest = Math.max(largest, Math.abs(after - before[at]!))));
  return largest;
}

// Which part of the tree's width is seen: what is zoomed to, a part of that, and the way there. Parts are shares of the
// root's width, so that they stay where they are while the numbers change. It must not know pixels nor the tree.

import type {Part} from "../state/view.ts";

export const WHOLE: Part = {from: 0, to: 1};
/** Smaller parts are no numbers any more. */
const SMALLEST = 1e-9;
export const MOVE_MS = 180;

/** A part of a part: where `inner`, which is a part of `outer`, is in the whole. */
export function within(outer: Part, inner: Part): Part {
  const wide = outer.to - outer.from;
  return clamped({from: outer.from + inner.from * wide, to: outer.from + inner.to * wide});
}

/** The opposite: where `part` of the whole is in `outer`. */
export function relative(outer: Part, part: Part): Part {
  const wide = Math.max(outer.to - outer.from, SMALLEST);
  return {from: (part.from - outer.from) / wide, to: (part.to - outer.from) / wide};
}

/** Of the same width if it can be, inside of the whole. */
export function clamped({from, to}: Part): Part {
  const wide = Math.min(Math.max(to - from, SMALLEST), 1);
  const left = Math.min(Math.max(from, 0), 1 - wide);
  return {from: left, to: left + wide};
}

/** `factor` times as wide, while what is at `at` (a share of the part's width) stays where it is. */
export function scaled(part: Part, factor: number, at: number): Part {
  const wide = part.to - part.from;
  const left = part.from + at * wide * (1 - factor);
  return clamped({from: left, to: left + Math.max(wide * factor, SMALLEST)});
}

/** Moved by a share of its own width. */
export function moved(part: Part, share: number): Part {
  const by = share * (part.to - part.from);
  return clamped({from: part.from + by, to: part.to + by});
}

/** On the way from one part to another, `progress` 0 … 1. Widths change by equal factors, so that it looks even. */
export function between(one: Part, other: Part, progress: number): Part {
  if (progress >= 1) return other;
  const slow = 1 - (1 - progress) ** 3;
  const [from, to] = [one.to - one.from, other.to - other.from];
  const wide = from * (to / from) ** slow;
  // The point that both have at the same place of the window stays there, so that nothing overshoots.
  const way = Math.abs(from - to) < 1e-12 ? slow : (from - wide) / (from - to);
  const left = one.from + (other.from - one.from) * way;
  return {from: left, to: left + wide};
}

/** As it is told: so exact that no pixel differs. */
export function rounded({from, to}: Part): Part {
  const digits = Math.min(Math.ceil(4 - Math.log10(to - from)), 15);
  return {from: Number(from.toFixed(digits)), to: Number(to.toFixed(digits))};
}

export function same(one: Part, other: Part): boolean {
  return one.from === other.from && one.to === other.to;
}

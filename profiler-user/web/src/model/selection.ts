// Spans of time on a timeline: which one is shown, and what becomes of one that is dragged, moved, resized or zoomed. Unix
// seconds; what is selected is whole seconds, as the API takes them. It must not know a screen.

import type {Range, View} from "../state/view.ts";
import {seconds} from "../data/time.ts";

export interface Span {
  from: number;
  until: number;
}

/** What the timeline shows at least if nothing else is said. */
const CONTEXT = 900;

export const length = (span: Span) => span.until - span.from;

/** As it is in the view: fixed. */
export const fixed = (span: Span): Range => ({from: String(Math.round(span.from)), until: String(Math.round(span.until))});

/** A range as a span; `null`: it can't be read. */
export function spanOf(range: Range, now: number): Span | null {
  const span = {from: seconds(range.from, now), until: seconds(range.until, now)};
  return span.until > span.from ? span : null;
}

/** Whether a range moves on with the present. */
export const moves = (range: Range) => range.until.startsWith("now");

/** What the timeline of a view shows: what the view says, or its range with what was before, and after. */
export function windowOf(view: View, now: number): Range {
  if (view.window && spanOf(view.window, now)) return view.window;
  const spans = [view.range, view.compare?.range ?? view.range].map((range) => spanOf(range, now)).filter((span) => span !== null);
  const from = Math.min(...spans.map((span) => span.from));
  const until = Math.max(...spans.map((span) => span.until));
  if (spans.length === 0) return {from: `now-${CONTEXT}s`, until: "now"};
  if (moves(view.range)) {
    return {from: `now-${Math.max(CONTEXT, Math.ceil((until - from) * 1.25))}s`, until: "now"};
  }
  const around = Math.max(CONTEXT, 3 * (until - from));
  const end = Math.min(Math.ceil((from + until + around) / 2), Math.floor(now));
  return fixed({from: end - around, until: end});
}

/** The whole seconds that lie between two moments at least in part, and at least one, inside `within`. */
export function snapped(a: number, b: number, within: Span): Span {
  const [low, high] = [Math.ceil(within.from), Math.floor(within.until)];
  const from = Math.min(Math.max(Math.floor(Math.min(a, b)), low), high - 1);
  return {from, until: Math.max(Math.min(Math.ceil(Math.max(a, b)), high), from + 1)};
}

/** Moved by some seconds, as long as before, not out of `within`. */
export function moved(span: Span, by: number, within: Span): Span {
  const long = Math.min(length(span), Math.floor(within.until) - Math.ceil(within.from));
  const from = Math.min(Math.max(Math.round(span.from + by), Math.ceil(within.from)), Math.floor(within.until) - long);
  return {from, until: from + long};
}

/** One edge moved to a moment; past the other edge, that one becomes the moved one. */
export function resized(span: Span, edge: "from" | "until", to: number, within: Span): Span {
  const other = edge === "from" ? span.until : span.from;
  return snapped(Math.round(to), other, within);
}

/** Between what lengths a window is, and up to when. */
export interface Bounds {
  shortest: number;
  longest: number;
  now: number;
}

/** A window `factor` times as long; `around` stays where it is. It does not reach into the future. */
export function zoomed(window: Span, factor: number, around: number, {shortest, longest, now}: Bounds): Span {
  const long = Math.round(Math.min(Math.max(length(window) * factor, shortest), longest));
  const share = (around - window.from) / length(window);
  const from = Math.round(around - share * long);
  const until = Math.min(from + long, Math.floor(now));
  return {from: until - long, until};
}

/** A window moved on by a share of its length, not into the future. */
export function panned(window: Span, share: number, now: number): Span {
  const until = Math.min(Math.round(window.until + share * length(window)), Math.floor(now));
  return {from: until - Math.round(length(window)), until};
}

/** What of a selection is under a moment: its edges first, `reach` seconds to both sides. */
export function partAt(span: Span, at: number, reach: number): "from" | "until" | "inside" | null {
  const [before, after] = [Math.abs(at - span.from), Math.abs(at - span.until)];
  if (Math.min(before, after) <= reach) return before < after ? "from" : "until";
  return at > span.from && at < span.until ? "inside" : null;
}

/** `45 s`, `1 min 15 s`, `2 h`, `3 d 4 h`. */
export function lengthInWords(seconds: number): string {
  const units: [string, number][] = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [name, unit] of units) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}`);
  }
  return parts.length > 0 ? parts.join(" ") : "0 s";
}

// CPU over time as stacked areas: from the API's series to heights, and back from a moment to values. CPUs: CPU seconds a
// second. It must not know how it is drawn.

import type * as schema from "../api/schema.ts";
import type {Span} from "./selection.ts";

export interface Layer {
  /** The value of the label; empty: the series have none. `null`: all that are not listed. */
  name: string | null;
  /** How many groups it is: 1, or more if they are not listed. */
  groups: number;
  /** CPUs in each step. */
  values: Float64Array;
  /** The sum with those below. */
  top: Float64Array;
}

export interface Stack {
  from: number;
  /** The end of the last step, which may be shorter than the others. */
  until: number;
  step: number;
  points: number;
  /** From below. */
  layers: Layer[];
  highest: number;
  completeSince: number;
}

/** Steps that the API takes of itself, so that a window that moves begins with one and steps keep their contents. */
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600, 86_400];
/** Up to this step the last one is left out until it is whole; longer ones are shown as far as they are. */
const LEFT_OUT = 10;
/** Windows of the store: they count where they begin, and begin with a minute once they are rolled up. */
const STORED = {fresh: 10, old: 60};
/** Memory is a little shorter than it was when the agent said how long. */
const MARGIN = 10;
/** What may be left out at the begin of a window, of its length, so that the rest comes from memory. */
const LEFT_OUT_SHARE = 0.05;

/** From when on memory and store have all, Unix seconds; `stored` is `null` if there is no store. */
export interface Kept {
  memory: number;
  stored: number | null;
}

export interface Question extends Span {
  points: number;
}

/** What to ask for, to see `window` in at most `points` steps. Memory has each second, the store tens of them: a window
 *  that memory has but for a little is asked of memory. */
export function question(window: Span, points: number, {memory, stored}: Kept, now: number): Question {
  const long = window.until - window.from;
  const step = STEPS.find((seconds) => seconds >= long / points) ?? STEPS.at(-1)!;
  const least = memory + MARGIN;
  const missing = least - window.from;
  const nothingElse = stored === null || stored >= memory - STORED.old;
  const fromMemory = missing <= 0 || (least < window.until - 1 && (nothingElse || missing <= LEFT_OUT_SHARE * long));
  let {from, until} = window;
  if (fromMemory) {
    from = Math.floor(from / step) * step;
    if (from < least) from = Math.ceil(least / step) * step;
    // Memory is younger than a step is long.
    if (from >= until) from = Math.ceil(least);
    until = step <= LEFT_OUT ? Math.floor(until / step) * step : Math.floor(until);
  } else {
    const grid = Math.max(step, STORED.old);
    from = Math.floor(from / grid) * grid;
    const whole = Math.ceil(until / STORED.old) * STORED.old;
    const fresh = Math.min(Math.max(step, STORED.fresh), STORED.old);
    until = whole + STORED.fresh <= now ? whole : Math.floor(until / fresh) * fresh;
  }
  until = Math.max(until, from + 1);
  return {from, until, points: Math.min(Math.max(1, Math.ceil((until - from) / step)), 2000)};
}

/** The stack of an answer about time up to `until`, labelled by `by`. */
export function stackOf(series: schema.Series, by: string, until: number): Stack {
  const {start_unix_seconds: from, step_seconds: step, points} = series;
  const lengthOf = (i: number) => Math.max(Math.min(step, until - from - i * step), 1);
  const base = new Float64Array(points);
  const layer = (name: string | null, groups: number, cpu: readonly number[]): Layer => {
    const values = Float64Array.from({length: points}, (_, i) => (cpu[i] ?? 0) / lengthOf(i));
    values.forEach((value, i) => (base[i]! += value));
    return {name, groups, values, top: base.slice()};
  };
  const layers = series.groups.map((group) => layer(group.labels[by] ?? "", 1, group.cpu_seconds));
  if (series.other.groups > 0) layers.push(layer(null, series.other.groups, series.other.cpu_seconds));
  return {
    from, step, points, layers,
    until: Math.min(from + points * step, Math.max(until, from)),
    highest: base.reduce((highest, value) => Math.max(highest, value), 0),
    completeSince: series.complete_since_unix_seconds,
  };
}

/** The step that a moment is in; -1: none. */
export function stepAt(stack: Stack, at: number): number {
  const step = Math.floor((at - stack.from) / stack.step);
  return at < stack.until && step >= 0 && step < stack.points ? step : -1;
}

/** CPUs of each layer over a span: steps that are in it partly count by their part. */
export function meanOf(stack: Stack, {from, until}: Span): number[] {
  const low = Math.max(from, stack.from);
  const high = Math.min(until, stack.until);
  if (!(high > low)) return stack.layers.map(() => 0);
  const first = Math.floor((low - stack.from) / stack.step);
  const last = Math.min(Math.ceil((high - stack.from) / stack.step), stack.points);
  return stack.layers.map(({values}) => {
    let sum = 0;
    for (let i = first; i < last; i++) {
      const start = stack.from + i * stack.step;
      sum += values[i]! * (Math.min(start + stack.step, high) - Math.max(start, low));
    }
    return sum / (high - low);
  });
}

/** CPUs as text: `0.52`, `12.3`. */
export function cpus(value: number): string {
  return value.toFixed(value >= 10 ? 1 : value >= 0.0995 || value === 0 ? 2 : 3);
}

/** A layer in words. */
export function layerName({name, groups}: Pick<Layer, "name" | "groups">): string {
  if (name === null) return `${groups} other${groups === 1 ? "" : "s"}`;
  return name === "" ? "(none)" : name;
}

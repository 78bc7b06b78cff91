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
/** Windows of the store begin with a minute. */
const MINUTE = 60;

/** What to ask for, to see `window` in at most `points` steps. */
export function question(window: Span, points: number, memorySince: number): Span & {points: number} {
  const least = (window.until - window.from) / points;
  const step = STEPS.find((seconds) => seconds >= least) ?? STEPS.at(-1)!;
  const grid = window.from < memorySince ? Math.max(step, MINUTE) : step;
  const from = Math.floor(window.from / grid) * grid;
  const end = step <= LEFT_OUT ? Math.floor(window.until / step) * step : Math.floor(window.until);
  const until = Math.max(end, from + 1);
  return {from, until, points: Math.max(1, Math.ceil((until - from) / step))};
}

/** The stack of an answer about time up to `until`. */
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

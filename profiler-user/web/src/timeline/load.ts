// Loads what is shown over time: series, heat map, chart. "Now" is the agent's, which a browser's clock may differ from.
// It must not know how any of it is drawn.

import {useMemo} from "preact/hooks";
import {ask} from "../api/client.ts";
import type {LabelNames, ServiceStatus} from "../api/schema.ts";
import {useLoaded, type Loaded} from "../data/loaded.ts";
import {chartOf, type Chart} from "../model/chart.ts";
import {cellsOf, partsFor, type HeatCells} from "../model/heat.ts";
import {length, moves, spanOf, windowOf, type Span} from "../model/selection.ts";
import {question, stackOf, type Stack} from "../model/series.ts";
import {selector, type Range, type View} from "../state/view.ts";

/** Groups apart; the rest is one area: more colours can't be told from each other. */
const GROUPS = 12;
const CHOICES_EVERY_MS = 5000;
const EVERY_MS = {least: 2000, most: 30_000};

/** The agent's time. */
export function useClock(status: ServiceStatus | null): () => number {
  const ahead = useMemo(() => (status ? status.now_unix_seconds - Date.now() / 1000 : 0), [status]);
  return () => Date.now() / 1000 + ahead;
}

export interface Shown {
  stack: Stack;
  window: Span;
  /** When it was asked for. */
  now: number;
}

/** How often a picture of a step of so many seconds is loaded again. */
const pause = (step: number) => Math.min(Math.max(1000 * step, EVERY_MS.least), EVERY_MS.most);

/** The series of the view's window. */
export function useStack(view: View, status: ServiceStatus | null, points: number): Loaded<Shown> {
  const clock = useClock(status);
  const range = windowOf(view, clock());
  const span = spanOf(range, clock());
  const follows = view.live && moves(range);
  const query = selector(view.filters);
  const key = status && span ? JSON.stringify([range, view.by, query, points, follows]) : null;
  const every = follows && span ? pause(length(span) / points) : 0;
  return useLoaded(key, async (signal) => {
    const now = clock();
    const {from, until} = spanOf(range, now)!;
    const window = {from: Math.floor(from), until: Math.floor(until)};
    const kept = {
      memory: status?.memory.complete_since_unix_seconds ?? 0,
      stored: status?.store?.complete_since_unix_seconds ?? null,
    };
    const asked = question(window, points, kept, now);
    const series = await ask("/api/v1/series", {...asked, query, by: view.by, groups: GROUPS}, signal);
    const stack = stackOf(series, view.by, Math.min(asked.until, Math.floor(now)));
    // What was not asked for is not known either.
    if (stack.from > window.from) stack.completeSince = Math.max(stack.completeSince, stack.from);
    return {stack, window, now};
  }, every);
}

/** Labels that there are. */
export function useLabels(): Loaded<LabelNames> {
  return useLoaded("labels", (signal) => ask("/api/v1/labels", {}, signal), EVERY_MS.most);
}

/** The range of the view, as it is asked for. */
function asked(range: Range, now: number): Span | null {
  const span = spanOf(range, now);
  return span && {from: Math.floor(span.from), until: Math.min(Math.ceil(span.until), Math.floor(now))};
}

/** The heat map of the view's range; nothing is asked if that is longer than `most` seconds. */
export function useHeat(view: View, status: ServiceStatus | null): Loaded<HeatCells> {
  const clock = useClock(status);
  const most = status?.limits.heatmap_seconds ?? 0;
  const span = asked(view.range, clock());
  const query = selector(view.filters);
  const parts = partsFor(status?.frequency_hertz ?? 0);
  const short = span !== null && length(span) <= most;
  return useLoaded(short ? JSON.stringify([view.range, query, view.live, parts]) : null, async (signal) => {
    const {from, until} = asked(view.range, clock())!;
    return cellsOf(await ask("/api/v1/heatmap", {from, until, query, parts}, signal));
  }, view.live && span ? pause(length(span) / 60) : 0);
}

/** Slices, nodes and rows of a chart: more can neither be seen nor be painted at once. */
const CHART = {points: 600, nodes: 50_000, depth: 200};

/** What ran in the view's range in what `query` selects; `null`: nothing is asked. */
export function useChart(view: View, status: ServiceStatus | null, query: string | null): Loaded<Chart> {
  const clock = useClock(status);
  const key = status && query !== null ? JSON.stringify([view.range, query, view.live]) : null;
  const span = asked(view.range, clock());
  return useLoaded(key, async (signal) => {
    const range = asked(view.range, clock())!;
    const bounds = {...range, query, points: CHART.points, max_nodes: CHART.nodes, depth: CHART.depth};
    return chartOf(await ask("/api/v1/chart", bounds, signal), range.until);
  }, view.live && span ? pause(length(span) / 60) : 0);
}

export interface Choice {
  /** By name of the label; empty where there is none. */
  labels: Readonly<Record<string, string>>;
  cpuSeconds: number;
}

const MOST_CHOICES = 200;

/** What there is by some labels in the view's range, the largest first. `query` `null`: nothing is asked. */
export function useChoices(by: readonly string[], view: View, query: string | null): Loaded<Choice[]> {
  const key = query === null ? null : JSON.stringify([by, view.range, query, view.live]);
  return useLoaded(key, async (signal) => {
    const series = await ask("/api/v1/series", {...view.range, query, by, points: 1, groups: MOST_CHOICES}, signal);
    return series.groups.map(({labels, total}) => ({labels, cpuSeconds: total.cpu_seconds}));
  }, view.live ? CHOICES_EVERY_MS : 0);
}

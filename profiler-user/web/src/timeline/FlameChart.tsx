// The flame chart: what a process, or one of its threads, ran when. What is chosen are the view's filters, and the time
// is the view's range, so that the other panes show the same.

import {useMemo, useRef} from "preact/hooks";
import {Gone} from "../api/client.ts";
import {cpu, percent} from "../data/numbers.ts";
import {findInChart} from "../model/chart.ts";
import {functionKey} from "../model/functions.ts";
import {fixed, length, lengthInWords, moves, panned, spanOf, windowOf, zoomed, type Span} from "../model/selection.ts";
import {searched} from "../panels/order.ts";
import {SearchBox} from "../panels/SearchBox.tsx";
import type {PaneProps} from "../shell/pane.ts";
import {selector, type Filters, type View} from "../state/view.ts";
import {ChartPlot} from "./ChartPlot.tsx";
import {useChart, useChoices, useClock, type Choice} from "./load.ts";

/** Seconds of the shortest range. */
const SHORTEST = 2;
const LONGEST_NAME = 60;

/** The filters without some labels. */
function without(filters: Filters, labels: readonly string[]): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([name]) => !labels.includes(name)));
}

const only = (filters: Filters, label: string) => (filters[label]?.length === 1 ? filters[label][0]! : null);

/** `python3 app.py 123, 4.50 s`: of a command line the directories are left out. */
function name({labels, cpuSeconds}: Choice, id: string, title: string): string {
  const what = (labels[title] ?? "").split(" ").map((word) => word.replace(/^.*\/(?=.)/, "")).join(" ");
  const short = what.length > LONGEST_NAME ? `${what.slice(0, LONGEST_NAME)}…` : what;
  return `${short} ${labels[id] ?? "?"}, ${cpu(cpuSeconds)}`.trim();
}

/** A range of time for all panes. What followed the present does so on if it may. */
function shown(view: View, span: Span, now: number): Partial<View> {
  const window = windowOf(view, now);
  const kept = moves(window) ? spanOf(window, now) : null;
  return {range: fixed(span), live: false, window: kept ? fixed(kept) : null};
}

export function FlameChart({store, view, status}: PaneProps) {
  const clock = useClock(status);
  const busiest = useRef<string | null>(null);
  const processes = useChoices(["pid", "command"], view, selector(without(view.filters, ["pid", "tid"])));
  const chosen = only(view.filters, "pid");
  // Whoever has chosen nothing sees the process that uses most, and goes on seeing it as long as it is there.
  const listed = processes.value ?? [];
  if (!listed.some(({labels}) => labels.pid === busiest.current)) busiest.current = listed[0]?.labels.pid ?? null;
  const pid = chosen ?? busiest.current;
  const ofProcess: Filters | null = pid === null ? null : {...without(view.filters, ["tid"]), pid: [pid]};
  const threads = useChoices(["tid", "thread"], view, ofProcess && selector(ofProcess));
  const tid = only(view.filters, "tid");
  const query = ofProcess && selector(tid === null ? ofProcess : {...ofProcess, tid: [tid]});
  const {value: chart, error, stale} = useChart(view, status, query);

  const {pattern} = useMemo(() => searched(view.search), [view.search]);
  const found = useMemo(() => (chart && pattern ? findInChart(chart, pattern) : null), [chart, pattern]);
  const share = chart && found ? `${percent(found.samples / Math.max(chart.total.samples, 1))} of the samples` : "";

  const span = spanOf(view.range, clock());
  const zoom = (factor: number, around: number | null, step: "push" | "replace" = "push") => {
    if (!span) return;
    const bounds = {shortest: SHORTEST, longest: status?.limits.range_seconds ?? 86_400, now: clock()};
    const next = zoomed(span, factor, around ?? (span.from + span.until) / 2, bounds);
    store.set(view.live ? {range: {from: `now-${length(next)}s`, until: "now"}} : shown(view, next, clock()), step);
  };
  const pan = (share: number) => span && store.set(shown(view, panned(span, share, clock()), clock()));
  const filter = (filters: Filters) => store.set({filters});
  const refused = [error, processes.error].find((one) => one !== null && !(one instanceof Gone))?.message;
  return (
    <section class={stale ? "chart stale" : "chart"} aria-label="Flame chart">
      <div class="chart-bar">
        <label>Process <select
          value={pid ?? ""}
          onChange={({currentTarget: {value}}) => filter({...without(view.filters, ["tid"]), pid: [value]})}
        >
          {pid !== null && !listed.some(({labels}) => labels.pid === pid) && <option value={pid}>{pid}</option>}
          {listed.map((choice) => (
            <option key={choice.labels.pid} value={choice.labels.pid}>{name(choice, "pid", "command")}</option>
          ))}
        </select></label>
        <label>Thread <select
          value={tid ?? ""}
          onChange={({currentTarget: {value}}) => ofProcess && filter(value === "" ? ofProcess : {...ofProcess, tid: [value]})}
        >
          <option value="">all threads</option>
          {tid !== null && !threads.value?.some(({labels}) => labels.tid === tid) && <option value={tid}>{tid}</option>}
          {(threads.value ?? []).map((choice) => (
            <option key={choice.labels.tid} value={choice.labels.tid}>{name(choice, "tid", "thread")}</option>
          ))}
        </select></label>
        <span class="timeline-steps">
          <button type="button" aria-label="Earlier time" title="Earlier" onClick={() => pan(-0.5)}>◀</button>
          <button type="button" aria-label="More time" title="More time (Ctrl and wheel)" onClick={() => zoom(2, null)}>−</button>
          <button type="button" aria-label="Less time" title="Less time (Ctrl and wheel)" onClick={() => zoom(0.5, null)}>+</button>
          <button type="button" aria-label="Later time" title="Later" onClick={() => pan(0.5)}>▶</button>
        </span>
        <SearchBox store={store} view={view} what="functions and files" placeholder="function or file" said={share}
          onLeave={() => document.querySelector<HTMLElement>(".chart-plot")?.focus()} />
      </div>
      {refused && <p class="notice bad" role="status">{refused}</p>}
      {!refused && processes.value?.length === 0 && <p class="notice" role="status">Nothing ran in this time.</p>}
      {chart?.total.samples === 0 && <p class="notice" role="status">The process used no CPU in this time.</p>}
      {chart && chart.total.samples > 0 && (
        <>
          <ChartPlot
            chart={chart} pointedOut={{chosen: view.chosen, found}}
            onChoose={(frame) => store.set({chosen: functionKey(frame) === view.chosen ? "" : functionKey(frame)})}
            onSpan={(part) => store.set(shown(view, part, clock()))}
            onZoom={(factor, around) => zoom(factor, around, "replace")}
          />
          <p class="idle">
            Each step is {lengthInWords(chart.step)}: in which order its functions ran is not known, so they stand side by
            side by name, as wide as their share. Above: CPUs in use.
          </p>
        </>
      )}
    </section>
  );
}

// CPU over time on top of the page: what is used when, apart by a label, and which part of it the panes are about.

import {useRef, useState} from "preact/hooks";
import {Gone} from "../api/client.ts";
import type {PaneProps} from "../shell/pane.ts";
import {fixed, lengthInWords, length, moves, panned, spanOf, windowOf, zoomed, type Span} from "../model/selection.ts";
import {INITIAL, type View} from "../state/view.ts";
import {Legend, Table} from "./Legend.tsx";
import {useClock, useLabels, useStack, type Shown} from "./load.ts";
import type {Selection, Side} from "./paint.ts";
import {Plot} from "./Plot.tsx";
import {Toolbar} from "./Toolbar.tsx";

/** Colours in timeline.css. */
const COLORS = 12;
/** Steps in a narrow window and a wide one. */
const POINTS = {narrow: 240, wide: 600};
const NARROW = 600;
/** Seconds of the shortest window. */
const SHORTEST = 30;

/** The colour of each layer. A name keeps its colour while the page is open, whatever its place. */
function useColors(shown: Shown | null, by: string): string[] {
  const given = useRef(new Map<string, number>());
  const label = useRef(by);
  if (label.current !== by) {
    label.current = by;
    given.current.clear();
  }
  const names = shown?.stack.layers.map((layer) => layer.name) ?? [];
  const taken = () => new Set(names.map((name) => (name === null ? undefined : given.current.get(name))));
  return names.map((name) => {
    if (name === null) return "--group-other";
    if (!given.current.has(name)) {
      const used = taken();
      const free = Array.from({length: COLORS}, (_, i) => i).find((i) => !used.has(i));
      given.current.set(name, free ?? given.current.size % COLORS);
    }
    return `--group-${given.current.get(name)!}`;
  });
}

function selectionsOf(view: View, now: number): Selection[] {
  const after = spanOf(view.range, now);
  const before = view.compare?.range ? spanOf(view.compare.range, now) : null;
  const selections: Selection[] = [];
  if (before) selections.push({side: "before", span: before, label: "Before"});
  if (after) selections.push({side: "after", span: after, label: view.compare ? "After" : lengthInWords(length(after))});
  return selections;
}

/** What becomes of the view when a span is selected. The window stays as it is, so that the picture does not jump. */
function selected(view: View, side: Side, span: Span, window: Span): Partial<View> {
  if (side === "before" && view.compare) return {compare: {...view.compare, range: fixed(span)}, window: fixed(window)};
  return {range: fixed(span), live: false, window: fixed(window)};
}

function cleared(view: View, side: Side): Partial<View> {
  if (view.compare && side === "before") return {compare: {...view.compare, range: null}};
  return {range: INITIAL.range, live: view.compare === null, window: null};
}

function toggled(view: View, value: string): Partial<View> {
  const before = view.filters[view.by] ?? [];
  const after = before.includes(value) ? before.filter((one) => one !== value) : [value];
  const {[view.by]: _, ...others} = view.filters;
  return {filters: after.length > 0 ? {...others, [view.by]: after} : others};
}

export function Timeline({store, view, status}: PaneProps) {
  const [width, setWidth] = useState(() => document.documentElement.clientWidth);
  const {value: shown, error, stale} = useStack(view, status, width < NARROW ? POINTS.narrow : POINTS.wide);
  const labels = useLabels().value?.labels.map(({name}) => name) ?? [];
  const colors = useColors(shown, view.by);
  const clock = useClock(status);
  const [lit, setLit] = useState(-1);
  const open = view.timeline;
  const [side, setSide] = useState<Side>("before");
  // What keys have selected is one step back, however often they were pressed.
  const typedRange = useRef("");

  // Without a comparison there is one selection; in one, what is not set yet comes first.
  const active: Side = !view.compare ? "after" : view.compare.range === null ? "before" : side;
  const select = (of: Side, span: Span, typed: boolean) => {
    if (!shown) return;
    const change = selected(view, of, span, shown.window);
    const goesOn = typed && typedRange.current !== "" && typedRange.current === JSON.stringify([view.range, view.compare?.range]);
    store.set(change, goesOn ? "replace" : "push");
    typedRange.current = typed ? JSON.stringify([store.view.range, store.view.compare?.range]) : "";
    if (of === "before" && !typed && view.compare?.range === null) setSide("after");
  };
  const window = shown?.window ?? spanOf(windowOf(view, clock()), clock());
  const selections = selectionsOf(view, shown?.now ?? clock());
  const longest = status?.limits.range_seconds ?? 86_400;
  const zoom = (factor: number, around: number | null) => {
    if (!window) return;
    const [now, main] = [clock(), selections.at(-1)?.span];
    const middle = main && main.from >= window.from && main.until <= window.until ? main : window;
    const next = zoomed(window, factor, around ?? (middle.from + middle.until) / 2, {shortest: SHORTEST, longest, now});
    const range = moves(windowOf(view, now)) ? {from: `now-${length(next)}s`, until: "now"} : fixed(next);
    store.set({window: range}, around === null ? "push" : "replace");
  };
  const pan = (share: number) => window && store.set({window: fixed(panned(window, share, clock()))});
  const sides = view.compare ? {active, choose: setSide} : null;
  const refused = error && !(error instanceof Gone) ? error.message : null;
  return (
    <section class={stale ? "timeline stale" : "timeline"} aria-label="CPU over time">
      <Toolbar
        open={open} onOpen={() => store.set({timeline: !open})}
        by={view.by} labels={labels.includes(view.by) ? labels : [view.by, ...labels]} onBy={(by) => store.set({by})}
        sides={sides}
        onZoom={(factor) => zoom(factor, null)} onPan={pan}
        atPresent={view.live && view.window === null}
        onPresent={() => store.set({window: null, ...(view.compare ? {} : {live: true, ...(moves(view.range) ? {} : {range: INITIAL.range})})})}
      />
      {open && refused && <p class="notice bad" role="status">{refused}</p>}
      {open && shown && (
        <>
          <Plot
            stack={shown.stack} window={shown.window} colors={colors} lit={lit} selections={selections} side={active}
            onSelect={select} onClear={() => store.set(cleared(view, active))} onZoom={zoom} onWidth={(now) => now > 0 && setWidth(now)}
          />
          <Legend
            stack={shown.stack} colors={colors} filtered={view.filters[view.by] ?? []}
            onFilter={(value) => store.set(toggled(view, value))} onLit={setLit}
          />
          <Table stack={shown.stack} by={view.by} selections={selections} />
        </>
      )}
      {open && !shown && !refused && <div class="timeline-plot" />}
    </section>
  );
}

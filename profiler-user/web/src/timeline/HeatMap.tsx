// The heat map: when within each second samples were taken. Bursts, pauses and what happens every so often are seen at
// once. What is marked in it leads to the flame graph of these seconds.

import {useRef} from "preact/hooks";
import {Gone} from "../api/client.ts";
import {samples as samplesInWords} from "../data/numbers.ts";
import {useProfile} from "../data/profile.ts";
import {clock} from "../data/time.ts";
import {FlamePane} from "../flame/FlamePane.tsx";
import {samplesIn, spanOfSeconds, stalls, type HeatCells} from "../model/heat.ts";
import {fixed, length, lengthInWords, moves, spanOf, windowOf, type Span} from "../model/selection.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Step} from "../state/store.ts";
import {zoomTo, type View} from "../state/view.ts";
import {HeatLegend} from "./HeatLegend.tsx";
import {HeatPlot} from "./HeatPlot.tsx";
import {useClock, useHeat} from "./load.ts";

/** What leads from the heat map to a part of its time. The timeline stays where it is. */
function part(view: View, span: Span, now: number): Partial<View> {
  const window = windowOf(view, now);
  const kept = moves(window) ? spanOf(window, now) : null;
  return {range: fixed(span), live: false, window: kept ? fixed(kept) : window};
}

/** The last part of a range that is as long as a heat map can be. */
function lastPart(view: View, most: number, now: number): Partial<View> {
  if (moves(view.range)) return {range: {from: `now-${most}s`, until: "now"}};
  const span = spanOf(view.range, now);
  return span ? {range: fixed({from: span.until - most, until: span.until})} : {};
}

export function HeatMap({store, view, status}: PaneProps) {
  const {value: cells, error, stale} = useHeat(view, status);
  const now = useClock(status);
  const mark = (span: Span | null, step: Step) => store.set({marked: span && fixed(span), ...zoomTo([])}, step);
  const open = useRef<HTMLButtonElement>(null);
  const most = status?.limits.heatmap_seconds ?? 0;
  const span = spanOf(view.range, now());
  if (status && span && length(span) > most + 1) {
    return (
      <p class="notice">
        A heat map is of {lengthInWords(most)} at most; the range is of {lengthInWords(length(span))}.{" "}
        <button type="button" onClick={() => store.set(lastPart(view, most, now()))}>The last {lengthInWords(most)}</button>
      </p>
    );
  }
  if (error && !(error instanceof Gone)) return <p class="notice bad" role="status">{error.message}</p>;
  if (!cells) return <p class="idle" role="status">Loading.</p>;
  const marked = view.marked && spanOf(view.marked, now());
  const inside = marked && marked.until > cells.from && marked.from < cells.from + cells.seconds ? marked : null;
  const count = inside ? samplesIn(cells, Math.max(inside.from - cells.from, 0), Math.min(inside.until - cells.from, cells.seconds) - 1) : 0;
  return (
    <section class={stale ? "heat stale" : "heat"} aria-label="Heat map">
      <HeatPlot
        cells={cells} marked={inside} onMark={mark}
        onEnter={(second) => {
          mark(spanOfSeconds(cells, second, second), "push");
          requestAnimationFrame(() => open.current?.focus());
        }}
      />
      <div class="heat-bar">
        {inside
          ? (
            <>
              <span role="status">
                {clock(inside.from)} to {clock(inside.until)}, {lengthInWords(length(inside))}, {samplesInWords(count)}
              </span>
              <button ref={open} type="button" onClick={() => store.set({...part(view, inside, now()), pane: "flame"})}>Flame graph of this</button>
              <button type="button" disabled={length(inside) >= cells.seconds} onClick={() => store.set(part(view, inside, now()))}>Only this</button>
              <button type="button" onClick={() => mark(null, "push")}>Mark nothing</button>
            </>
          )
          : <span class="idle">{summary(cells)}</span>}
        <HeatLegend most={cells.most} part={1000 / cells.parts} />
      </div>
      {inside && <Marked store={store} view={view} status={status} span={inside} />}
    </section>
  );
}

/** The flame graph of what is marked. */
function Marked({store, view, status, span}: Pick<PaneProps, "store" | "view" | "status"> & {span: Span}) {
  const only: View = {...view, range: fixed(span), live: false, compare: null};
  const profile = useProfile(only, 0, true);
  return (
    <div class={profile.stale ? "stale" : ""}>
      {profile.error && !(profile.error instanceof Gone) && <p class="notice bad" role="status">{profile.error.message}</p>}
      <FlamePane store={store} view={only} profile={profile} status={status} processes={null} />
    </div>
  );
}

/** What there is, in words. */
function summary(cells: HeatCells): string {
  const all = samplesIn(cells, 0, cells.seconds - 1);
  const empty = stalls(cells).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const without = empty === 0 ? "" : `, ${empty} second${empty === 1 ? "" : "s"} in which nothing ran`;
  return `${samplesInWords(all)} in ${lengthInWords(cells.seconds)}${without}. Drag over seconds to mark them.`;
}

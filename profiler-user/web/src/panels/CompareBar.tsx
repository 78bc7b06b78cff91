// What is compared with what: both sides' time and totals, what the earlier one was scaled by. It must not know how
// differences are drawn.

import type {Side} from "../api/schema.ts";
import {cpu, percent, samples} from "../data/numbers.ts";
import {rangeInWords} from "../data/time.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Compare, View} from "../state/view.ts";
import {signedCpu} from "./bars.tsx";
import type {SideName} from "./filtering.ts";
import {earlier, earlierBy, lengthOf} from "./shift.ts";

const SHIFTS: readonly [number, string][] = [
  [3600, "1 hour earlier"], [6 * 3600, "6 hours earlier"], [86_400, "1 day earlier"], [604_800, "1 week earlier"],
];

export function CompareBar({store, view, profile}: PaneProps) {
  const {compare} = view;
  if (!compare) return null;
  const set = (change: Partial<Compare>) => store.set({compare: {...compare, ...change}, live: false});
  const difference = profile.value?.difference ?? null;
  const same = compare.range === null && compare.filters === null;
  return (
    <section class="compare-bar" aria-label="Comparison">
      <SideSummary name="before" view={view} side={difference?.left ?? null} />
      <SideSummary name="after" view={view} side={difference?.right ?? null} />
      {difference && <Changed before={difference.left} after={difference.right} factor={difference.left_factor} />}
      <span class="choices">
        <label>Before is <Earlier view={view} compare={compare} onChange={(range) => set({range})} /></label>
        <label title="Scale what was before, so that both sides weigh the same: then shares are compared, not load">
          <input type="checkbox" checked={compare.normalise} onChange={(event) => set({normalise: event.currentTarget.checked})} /> normalise
        </label>
      </span>
      {same && <p class="idle">Both sides are the same: choose another time, or other filters, for what was before.</p>}
    </section>
  );
}

function SideSummary({name, view, side}: {name: SideName; view: View; side: Side | null}) {
  const range = name === "before" ? view.compare?.range ?? view.range : view.range;
  return (
    <span class={`side ${name}`}>
      <b>{name === "before" ? "Before" : "After"}</b>{" "}
      <span class="idle">{rangeInWords(range)}</span>{" "}
      {side && (
        <span class="total" title={`${side.duration_seconds.toFixed(0)} s were covered`}>
          {cpu(side.total.cpu_seconds)} of CPU, {samples(side.total.samples)}
          {side.duration_seconds > 0 && `, ${(side.total.cpu_seconds / side.duration_seconds).toFixed(2)} CPUs`}
        </span>
      )}
    </span>
  );
}

function Changed({before, after, factor}: {before: Side; after: Side; factor: number}) {
  const [was, is] = [before.total.cpu_seconds, after.total.cpu_seconds];
  const change = is - was;
  return (
    <span class={`changed ${change > 0 ? "more" : change < 0 ? "less" : ""}`}>
      {signedCpu(change)}{was > 0 && ` (${change >= 0 ? "+" : "−"}${percent(Math.abs(change) / was)})`}
      {factor !== 1 && <span class="idle" id="compare-factor"> before × {factor.toPrecision(3)}</span>}
    </span>
  );
}

function Earlier({view, compare, onChange}: {view: View; compare: Compare; onChange: (range: Compare["range"]) => void}) {
  const length = Math.round(lengthOf(view.range));
  const shifts: readonly [number, string][] = [[length, "just before it"], ...SHIFTS.filter(([by]) => by > length)];
  const by = compare.range ? earlierBy(view.range, compare.range) : 0;
  const known = by === 0 || shifts.some(([shift]) => shift === by);
  return (
    <select value={known ? String(by) : "other"} onChange={(event) => {
      const shift = Number(event.currentTarget.value);
      onChange(shift === 0 ? null : earlier(view.range, shift));
    }}>
      <option value="0">the same time</option>
      {shifts.map(([shift, text]) => <option key={shift} value={String(shift)}>{text}</option>)}
      {!known && compare.range && <option value="other">{rangeInWords(compare.range)}</option>}
    </select>
  );
}

// The top of the page: which range, live or not, comparison, export, help. It must not know how any of it is shown.

import type {ServiceStatus} from "../api/schema.ts";
import type {Profile} from "../data/profile.ts";
import {rangeInWords} from "../data/time.ts";
import type {Store} from "../state/store.ts";
import type {Range, View} from "../state/view.ts";
import {Export} from "./Export.tsx";

const RANGES: readonly [string, string][] = [
  ["now-10s", "10 s"], ["now-1m", "1 min"], ["now-5m", "5 min"], ["now-15m", "15 min"], ["now-1h", "1 h"],
  ["now-6h", "6 h"], ["now-1d", "1 day"], ["now-1w", "1 week"],
];

export interface HeaderProps {
  store: Store;
  view: View;
  status: ServiceStatus | null;
  /** The profile of a saved page. */
  saved: Profile | null;
  /** `null`: there is no help button. */
  onHelp: (() => void) | null;
  /** The agent does not answer. */
  gone: boolean;
}

function State({view, status, gone}: Pick<HeaderProps, "view" | "status" | "gone">) {
  const [text, kind] = gone
    ? ["agent gone", "bad"]
    : status === null
      ? ["connecting", "idle"]
      : status.status === "failed"
        ? ["failed", "bad"]
        : status.status === "starting"
          ? ["starting", "idle"]
          : view.live ? ["live", "good"] : ["still", "idle"];
  return <span id="state" class={kind} role="status">{text}</span>;
}

export function Header({store, view, status, saved, onHelp, gone}: HeaderProps) {
  const known = RANGES.some(([from]) => from === view.range.from) && view.range.until === "now";
  const choose = (from: string) => {
    const range: Range = {from, until: "now"};
    store.set({range, live: view.compare === null, window: null});
  };
  return (
    <header>
      <h1>firetower</h1>
      {saved
        ? <span id="state" class="idle">{saved.head ? `${saved.head.subject}, saved` : "comparison, saved"}</span>
        : <State view={view} status={status} gone={gone} />}
      {!saved && (
        <>
          <label>Range <select value={known ? view.range.from : ""} onChange={(event) => choose(event.currentTarget.value)}>
            {!known && <option value="">{rangeInWords(view.range)}</option>}
            {RANGES.map(([from, text]) => <option key={from} value={from}>{text}</option>)}
          </select></label>
          <button type="button" aria-pressed={view.live} onClick={() => store.set(live(view))} title="Follow the present (l)">Live</button>
          <button type="button" aria-pressed={view.compare !== null} title="Compare with before (c)"
            onClick={() => store.set({compare: view.compare ? null : {range: null, filters: null, normalise: true}, live: false})}>
            Compare
          </button>
          <Export view={view} />
          <a href="/metrics">metrics</a>
        </>
      )}
      {onHelp && <button type="button" onClick={onHelp} aria-label="Help" title="Keys (?)">?</button>}
    </header>
  );
}

/** Live on or off; what does not reach to the present begins with the last minute. */
function live(view: View): Partial<View> {
  if (view.live) return {live: false};
  const reaches = view.range.until === "now" && view.range.from.startsWith("now-");
  return {live: true, compare: null, window: null, ...(reaches ? {} : {range: {from: "now-1m", until: "now"}})};
}

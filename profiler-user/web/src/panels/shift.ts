// The other side's range of a comparison: the same length, some time earlier. It must not know the page.

import {secondsBack} from "../data/time.ts";
import {seconds} from "../data/time.ts";
import type {Range} from "../state/view.ts";

/** Seconds back from now; `null`: it is a moment of its own. */
function back(moment: string): number | null {
  return moment === "now" ? 0 : secondsBack({from: moment, until: "now"});
}

/** How long a range is, in seconds. */
export function lengthOf(range: Range, now = Date.now() / 1000): number {
  return seconds(range.until, now) - seconds(range.from, now);
}

/** A range so many seconds earlier: what follows the present still does. */
export function earlier(range: Range, by: number): Range {
  const moment = (text: string) => {
    const ago = back(text);
    return ago !== null ? `now-${Math.round(ago + by)}s` : String(Math.round(seconds(text, Date.now() / 1000) - by));
  };
  return {from: moment(range.from), until: moment(range.until)};
}

/** How much earlier `before` is than `range`, in whole seconds; `null`: it is not the same length, or of another kind. */
export function earlierBy(range: Range, before: Range): number | null {
  const now = Date.now() / 1000;
  const by = seconds(range.from, now) - seconds(before.from, now);
  const same = Math.abs(seconds(range.until, now) - seconds(before.until, now) - by) < 0.5;
  return same ? Math.round(by) : null;
}

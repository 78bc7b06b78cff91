// Ranges of time in words and numbers. It must not know what they are of.

import type {Range} from "../state/view.ts";

const UNITS: Record<string, [number, string]> = {
  s: [1, "second"], m: [60, "minute"], h: [3600, "hour"], d: [86_400, "day"], w: [604_800, "week"],
};

/** A moment as the API takes it, in Unix seconds; NaN: it can't be read. */
export function seconds(moment: string, now: number): number {
  if (moment === "now") return now;
  const back = /^now-(\d+)(ms|[smhdw])$/.exec(moment);
  if (back) return now - Number(back[1]) * (back[2] === "ms" ? 0.001 : UNITS[back[2]!]![0]);
  const number = Number(moment);
  // As the API has it: what is too large for seconds is milliseconds.
  if (moment !== "" && !Number.isNaN(number)) return number >= 1e11 ? number / 1000 : number;
  return Date.parse(moment) / 1000;
}

/** `now-15m` up to now, as number and unit; `null`: the range is another. */
function lastOf(range: Range): {count: number; unit: [number, string]} | null {
  const found = /^now-(\d+)([smhdw])$/.exec(range.from);
  return found && range.until === "now" ? {count: Number(found[1]), unit: UNITS[found[2]!]!} : null;
}

/** The seconds of a range that ends now; `null`: it is another. */
export function secondsBack(range: Range): number | null {
  const last = lastOf(range);
  return last && last.count * last.unit[0];
}

/** `in the last 5 minutes`, `from 12:00:00 to 12:05:00`. */
export function rangeInWords(range: Range): string {
  const last = lastOf(range);
  if (last) return last.count === 1 ? `in the last ${last.unit[1]}` : `in the last ${last.count} ${last.unit[1]}s`;
  const now = Date.now() / 1000;
  return `from ${clock(seconds(range.from, now))} to ${clock(seconds(range.until, now))}`;
}

const pad = (value: number) => String(value).padStart(2, "0");

/** The time of day, and the day if it is not today's: `2026-01-31 12:00:00`. */
export function clock(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  if (Number.isNaN(date.getTime())) return "?";
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`;
}

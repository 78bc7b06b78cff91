// Where an axis has its marks, and what they say. Times are Unix seconds; marks are at round times of the clock on the
// wall, so the caller says how far that is from UTC. It must not know what is drawn along the axis.

export interface Tick {
  at: number;
  text: string;
}

/** Seconds east of UTC at a moment. */
export type Zone = (unixSeconds: number) => number;

/** The zone of whoever looks at the page. */
export const localZone: Zone = (unixSeconds) => -60 * new Date(unixSeconds * 1000).getTimezoneOffset();

const DAY = 86_400;
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY,
];

const pad = (value: number) => String(value).padStart(2, "0");

/** What a clock shows that is `zone` from UTC: the day at midnight, seconds only where marks are closer than a minute. */
function clockText(local: number, step: number): string {
  const date = new Date(local * 1000);
  const day = `${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  if (step >= DAY) return day;
  const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
  if (time === "00:00" && date.getUTCSeconds() === 0) return `${day} ${time}`;
  return step < 60 ? `${time}:${pad(date.getUTCSeconds())}` : time;
}

/** At most `most` marks (at least one step apart) from `from` to `until`. */
export function timeTicks(from: number, until: number, most: number, zone: Zone): Tick[] {
  if (!(until > from) || most < 1) return [];
  const least = (until - from) / most;
  const step = TIME_STEPS.find((seconds) => seconds >= least) ?? Math.ceil(least / (28 * DAY)) * 28 * DAY;
  const ticks: Tick[] = [];
  for (let local = Math.ceil((from + zone(from)) / step) * step; ; local += step) {
    // The clock may have been put forward or back since `from`: the offset is that of the moment itself.
    const at = local - zone(local - zone(local - zone(from)));
    if (at > until) return ticks;
    if (at >= from) ticks.push({at, text: clockText(local, step)});
  }
}

/** Round values from 0 to `highest`, at most `most` besides 0; the last one is not below `highest`. */
export function valueTicks(highest: number, most: number): Tick[] {
  const least = Math.max(highest, 1e-9) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const count = Math.max(1, Math.ceil(highest / step - 1e-9));
  return Array.from({length: count + 1}, (_, i) => ({at: i * step, text: (i * step).toFixed(Math.min(digits, 12))}));
}

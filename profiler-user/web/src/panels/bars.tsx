// Numbers with a bar behind them. The text says what the bar says, so that nobody needs the bar. It must not know what is
// measured.

import {cpu, percent} from "../data/numbers.ts";

/** A share of something: 0 to 1. */
export function ShareBar({share, text}: {share: number; text?: string}) {
  return (
    <span class="bar">
      <span class="fill" style={{width: `${100 * Math.min(Math.max(share, 0), 1)}%`}} />
      <span class="said">{text ?? percent(share)}</span>
    </span>
  );
}

const sign = (value: number) => (value > 0 ? "+" : value < 0 ? "−" : "±");

/** CPU seconds with a sign: `+1.20 s`, `−3.0 ms`. */
export function signedCpu(seconds: number): string {
  return `${sign(seconds)}${cpu(Math.abs(seconds))}`;
}

/** A change of a share, in points of a hundred: `+3.1 pp`. */
export function signedPoints(share: number): string {
  const points = Math.abs(100 * share);
  const text = points.toFixed(points < 10 ? 2 : 1);
  return `${Number(text) === 0 ? "±" : sign(share)}${text} pp`;
}

/** A change beside the largest one: to the right and red for more, to the left and blue for less. The kind is on the parts
 * themselves: on the bar around them, Chromium left parts of some rows in the colours that they had before it changed. */
export function ChangeBar({value, largest, text}: {value: number; largest: number; text: string}) {
  const part = largest > 0 ? Math.min(Math.abs(value) / largest, 1) : 0;
  const kind = value > 0 ? "more" : value < 0 ? "less" : "same";
  return (
    <span class="bar change">
      <span class={`fill ${kind}`} style={{width: `${50 * part}%`, left: value < 0 ? `${50 - 50 * part}%` : "50%"}} />
      <span class={`said ${kind}`}>{text}</span>
    </span>
  );
}

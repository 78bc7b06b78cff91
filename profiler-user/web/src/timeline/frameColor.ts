// The colour of a frame's box in the flame chart: whose code it is by hue, and by the function's name a little lighter or
// darker, so that neighbours can be told apart. It must not know what else is on the canvas.

import type {Frame} from "../model/tree.ts";

/** Hue and saturation by origin; blue against orange can be told apart by all. */
const ORIGINS: Record<string, [number, number]> = {
  own: [28, 85], package: [205, 60], library: [205, 25], kernel: [275, 35], label: [60, 6], unknown: [0, 0],
};

function hash(text: string): number {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  return value >>> 0;
}

export interface Box {
  fill: string;
  text: string;
}

export function boxColor(frame: Frame | null, dark: boolean): Box {
  const [hue, saturation] = ORIGINS[frame?.origin ?? "unknown"] ?? ORIGINS.unknown!;
  const step = hash(frame?.name ?? "") % 5;
  // Texts keep a contrast of 4.5 on all of them.
  const lightness = dark ? 24 + 3 * step : 72 + 4 * step;
  const turned = hue + ((hash(frame?.name ?? "") >> 8) % 5) * 4 - 8;
  return {fill: `hsl(${turned} ${dark ? saturation * 0.7 : saturation}% ${lightness}%)`, text: dark ? "#f2f2ee" : "#1d1d1b"};
}

// Paints the timeline: areas and axes, and above them what is selected. It must not know where either comes from.

import {localZone, timeTicks, valueTicks} from "../model/axis.ts";
import type {Stack} from "../model/series.ts";
import type {Span} from "../model/selection.ts";
import {hatch, type Surface} from "./canvas.ts";

/** Where the plot is on the canvas. */
export const MARGIN = {left: 34, right: 8, top: 14, bottom: 16};

/** CPUs that a plot is high at least: the marks of less would not fit in its margin, and say nothing. */
const LEAST_CPUS = 0.01;

export type Side = "before" | "after";

export interface Selection {
  side: Side;
  span: Span;
  /** What stands on it; empty: nothing. */
  label: string;
}

/** Moments to pixels and back. */
export interface Scale {
  x(at: number): number;
  at(x: number): number;
}

export function scale(window: Span, width: number): Scale {
  const across = Math.max(width - MARGIN.left - MARGIN.right, 1);
  const long = Math.max(window.until - window.from, 1e-9);
  return {
    x: (at) => MARGIN.left + ((at - window.from) / long) * across,
    at: (x) => window.from + ((x - MARGIN.left) / across) * long,
  };
}

export interface Areas {
  stack: Stack;
  window: Span;
  /** CSS variable of each layer. */
  colors: readonly string[];
  /** The layer that is pointed out; -1: none. */
  lit: number;
}

export function paintAreas(surface: Surface, {stack, window, colors, lit}: Areas): void {
  const {context, width, height, color} = surface;
  const {x} = scale(window, width);
  const bottom = height - MARGIN.bottom;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const marks = valueTicks(Math.max(stack.highest, LEAST_CPUS), Math.max(1, Math.floor((bottom - MARGIN.top) / 22)));
  const highest = marks.at(-1)!.at;
  const y = (value: number) => bottom - (value / highest) * (bottom - MARGIN.top);

  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  stack.layers.forEach((layer, number) => {
    context.globalAlpha = lit >= 0 && lit !== number ? 0.25 : 1;
    context.fillStyle = color(colors[number] ?? "--group-other");
    context.beginPath();
    const below = stack.layers[number - 1]?.top;
    const edge = (i: number) => x(Math.min(stack.from + i * stack.step, stack.until));
    for (let i = 0; i < stack.points; i++) {
      context.lineTo(edge(i), y(layer.top[i]!));
      context.lineTo(edge(i + 1), y(layer.top[i]!));
    }
    for (let i = stack.points - 1; i >= 0; i--) {
      context.lineTo(edge(i + 1), y(below?.[i] ?? 0));
      context.lineTo(edge(i), y(below?.[i] ?? 0));
    }
    context.fill();
  });
  context.globalAlpha = 1;
  hatch(surface, left, MARGIN.top, x(Math.min(stack.completeSince, window.until)) - left, bottom - MARGIN.top);
  context.restore();

  context.strokeStyle = color("--line");
  context.fillStyle = color("--faint");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.beginPath();
  for (const {at, text} of marks) {
    const level = Math.round(y(at)) + 0.5;
    context.moveTo(left, level);
    context.lineTo(right, level);
    context.fillText(text, left - 4, level);
  }
  context.globalAlpha = 0.6;
  context.stroke();
  context.globalAlpha = 1;
  paintTimes(surface, window, bottom);
}

/** The axis of time below a plot. */
export function paintTimes({context, width, color}: Surface, window: Span, bottom: number): void {
  const {x} = scale(window, width);
  context.strokeStyle = color("--faint");
  context.fillStyle = color("--faint");
  context.textAlign = "center";
  context.textBaseline = "top";
  context.lineWidth = 1;
  context.beginPath();
  for (const {at, text} of timeTicks(window.from, window.until, Math.max(2, Math.floor(width / 90)), localZone)) {
    const place = Math.round(x(at)) + 0.5;
    context.moveTo(place, bottom);
    context.lineTo(place, bottom + 3);
    const half = context.measureText(text).width / 2;
    if (place - half > MARGIN.left - 16 && place + half < width) context.fillText(text, place, bottom + 4);
  }
  context.stroke();
}

export interface Overlay {
  window: Span;
  selections: readonly Selection[];
  /** The moment that is pointed at; `null`: none. */
  hover: number | null;
}

/** What is selected stands out: the rest is dimmed, or with two selections each has its colour. */
export function paintOverlay(surface: Surface, {window, selections, hover}: Overlay): void {
  const {context, width, height, color} = surface;
  const {x} = scale(window, width);
  const bottom = height - MARGIN.bottom;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const clamp = (at: number) => Math.min(Math.max(x(at), left), right);
  const one = selections.length === 1 ? selections[0]! : null;
  if (one) {
    context.fillStyle = color("--dim");
    context.fillRect(left, MARGIN.top, clamp(one.span.from) - left, bottom - MARGIN.top);
    context.fillRect(clamp(one.span.until), MARGIN.top, right - clamp(one.span.until), bottom - MARGIN.top);
  }
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const {side, span, label} of selections) {
    if (span.until < window.from || span.from > window.until) continue;
    const [a, b] = [clamp(span.from), clamp(span.until)];
    context.fillStyle = context.strokeStyle = color(side === "before" ? "--before" : "--accent");
    if (!one) {
      context.globalAlpha = 0.22;
      context.fillRect(a, MARGIN.top, b - a, bottom - MARGIN.top);
      context.globalAlpha = 1;
    }
    // The grip to move it by, and the edges.
    context.fillRect(a, 1, Math.max(b - a, 2), MARGIN.top - 3);
    context.lineWidth = 2;
    context.beginPath();
    for (const edge of [a, b]) {
      context.moveTo(edge, 1);
      context.lineTo(edge, bottom);
    }
    context.stroke();
    for (const edge of [a, b]) context.fillRect(edge - 2, (MARGIN.top + bottom) / 2 - 8, 4, 16);
    const wide = context.measureText(label).width;
    if (label !== "" && b - a > wide + 8) {
      context.fillStyle = color("--back");
      context.fillText(label, a + 5, MARGIN.top / 2);
    } else if (label !== "") {
      const beside = b + wide + 8 < right ? b + 5 : a - wide - 5;
      context.fillText(label, beside, MARGIN.top / 2);
    }
  }
  if (hover !== null) {
    context.strokeStyle = color("--text");
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    const place = Math.round(x(hover)) + 0.5;
    context.moveTo(place, MARGIN.top);
    context.lineTo(place, bottom);
    context.stroke();
    context.setLineDash([]);
  }
}

// Paints the flame chart: CPU in use above, boxes below, and above them what is pointed at. It must not know where they
// come from.

import {css} from "../flame/colour.ts";
import {matchStyle, originStyle} from "../flame/paint.ts";
import {firstAfter, frameOfNode, type Chart, type ChartFound} from "../model/chart.ts";
import type {Span} from "../model/selection.ts";
import {functionKey} from "../model/functions.ts";
import {hatch, type Surface} from "./canvas.ts";
import {MARGIN, paintTimes, scale} from "./paint.ts";

export const ROW = 18;
/** The strip of CPU in use, and what is below it: the axis of time. */
const STRIP = 26;
export const BOXES = STRIP + MARGIN.bottom + 4;
/** Boxes that are narrower are painted together. */
const LEAST = 0.7;
const TEXT = {least: 26, margin: 3};

export const chartHeight = (chart: Chart) => BOXES + Math.max(chart.rows.length, 1) * ROW + 4;
export const chartWindow = (chart: Chart): Span => ({from: chart.from, until: Math.max(chart.until, chart.from + 1)});

/** A box: its depth and its place in the row. */
export interface At {
  depth: number;
  box: number;
}

/** How each node's box looks, found once for each frame. */
function fills(chart: Chart, dark: boolean): (node: number) => {fill: string; ink: string} {
  const known = new Map<number, {fill: string; ink: string}>();
  return (node) => {
    const frame = chart.frame[node]!;
    let style = known.get(frame);
    if (!style) {
      const {fill, ink} = originStyle(chart.frames[frame] ?? null, dark);
      known.set(frame, (style = {fill: css(fill), ink: css(ink)}));
    }
    return style;
  };
}

/** What is pointed out among the boxes. */
export interface Pointed {
  /** A function; empty: none. */
  chosen: string;
  /** What a search found; `null`: nothing is searched. */
  found: ChartFound | null;
}

export function paintChart(surface: Surface, chart: Chart, {chosen, found}: Pointed): void {
  const {context, width, height} = surface;
  const {x} = scale(chartWindow(chart), width);
  paintStrip(surface, chart);
  paintTimes(surface, chartWindow(chart), STRIP);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const fillOf = fills(chart, dark);
  const matching = matchStyle(dark);
  const match = {fill: css(matching.fill), ink: css(matching.ink)};
  context.textAlign = "left";
  context.textBaseline = "middle";
  chart.rows.forEach((row, depth) => {
    const top = BOXES + depth * ROW;
    let last = -Infinity;
    for (let box = 0; box < row.node.length; box++) {
      const [a, b] = [x(row.from[box]!), x(row.until[box]!)];
      // What is too narrow to be seen, and over what is painted already.
      if (b - Math.max(a, last) < LEAST) continue;
      const begin = Math.max(a, last);
      const frame = frameOfNode(chart, row.node[box]!);
      const matches = found?.frames[chart.frame[row.node[box]!]!] === 1;
      const {fill, ink} = matches ? match : fillOf(row.node[box]!);
      const wide = Math.max(b - begin, 1);
      const other = found ? !matches : chosen !== "" && frame && functionKey(frame) !== chosen;
      context.globalAlpha = other ? 0.55 : 1;
      context.fillStyle = fill;
      context.fillRect(begin, top, wide > 3 ? wide - 0.75 : wide, ROW - 1);
      if (wide > TEXT.least && frame) {
        context.fillStyle = ink;
        context.fillText(fitted(context, frame.name || frame.text, wide - 2 * TEXT.margin), begin + TEXT.margin, top + ROW / 2);
      }
      last = b;
    }
  });
  context.globalAlpha = 1;
  const unknown = Math.min(x(chart.completeSince), width - MARGIN.right);
  hatch(surface, MARGIN.left, 0, unknown - MARGIN.left, STRIP);
  hatch(surface, MARGIN.left, BOXES, unknown - MARGIN.left, height - BOXES);
}

/** CPU in use by slice: without it, a slice in which little ran looks like a busy one. */
function paintStrip({context, width, color}: Surface, chart: Chart): void {
  const {x} = scale(chartWindow(chart), width);
  const highest = Math.max(1, chart.cpus.reduce((most, value) => Math.max(most, value), 0));
  context.fillStyle = color("--raised");
  context.fillRect(MARGIN.left, 2, width - MARGIN.left - MARGIN.right, STRIP - 2);
  context.fillStyle = color("--group-0");
  chart.cpus.forEach((value, i) => {
    const from = chart.from + i * chart.step;
    const tall = (value / highest) * (STRIP - 2);
    // To whole pixels: between neighbours nothing must shine through.
    const [left, right] = [Math.floor(x(from)), Math.ceil(x(Math.min(from + chart.step, chart.until)))];
    context.fillRect(left, STRIP - tall, right - left, tall);
  });
  context.fillStyle = color("--faint");
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(highest > 1 ? highest.toFixed(1) : "1", MARGIN.left - 4, 7);
  context.fillText("0", MARGIN.left - 4, STRIP - 4);
}

/** As much of a text as is not wider. */
function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  // At 11 px no letter that is read is narrower than 2 px: what can't fit is not measured.
  let shown = text.length * 2 > room ? text.slice(0, Math.ceil(room / 2)) : text;
  if (shown === text && context.measureText(text).width <= room) return text;
  let [low, high] = [0, shown.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  shown = low >= 3 ? `${text.slice(0, low)}…` : "";
  return shown;
}

/** The box at a place on the canvas; `null`: none. */
export function boxUnder(chart: Chart, {x, y}: {x: number; y: number}, width: number): At | null {
  const depth = Math.floor((y - BOXES) / ROW);
  const row = chart.rows[depth];
  if (y < BOXES || !row) return null;
  const at = scale(chartWindow(chart), width).at(x);
  const box = firstAfter(row, at);
  return box < row.node.length && row.from[box]! <= at ? {depth, box} : null;
}

export interface ChartOverlay {
  chart: Chart;
  at: At | null;
  /** Seconds that are being dragged over; `null`: none. */
  draft: Span | null;
}

export function paintChartOverlay({context, width, height, color}: Surface, {chart, at, draft}: ChartOverlay): void {
  const {x} = scale(chartWindow(chart), width);
  if (draft) {
    context.fillStyle = color("--dim");
    context.fillRect(MARGIN.left, 0, x(draft.from) - MARGIN.left, height);
    context.fillRect(x(draft.until), 0, width - MARGIN.right - x(draft.until), height);
    context.strokeStyle = color("--accent");
    context.lineWidth = 2;
    context.strokeRect(x(draft.from), 1, x(draft.until) - x(draft.from), height - 2);
  }
  const row = at && chart.rows[at.depth];
  if (at && row && at.box < row.node.length) {
    context.strokeStyle = color("--text");
    context.lineWidth = 2;
    context.strokeRect(x(row.from[at.box]!), BOXES + at.depth * ROW, Math.max(x(row.until[at.box]!) - x(row.from[at.box]!), 2), ROW - 1);
  }
}

// Paints the heat map: cells, and above them what is pointed at and what is marked. It must not know where they come from.

import {known, squeezed, stalls, strength, type HeatCells} from "../model/heat.ts";
import type {Span} from "../model/selection.ts";
import {hatch, type Surface} from "./canvas.ts";
import {MARGIN, paintTimes, scale} from "./paint.ts";

/** Second and part of a cell. */
export interface Cell {
  second: number;
  part: number;
}

/** Above the plot, where seconds without samples are marked. */
export const TOP = 10;

export function heatWindow(cells: HeatCells): Span {
  return {from: cells.from, until: cells.from + cells.seconds};
}

type Colour = readonly [number, number, number];

function rgb(text: string): Colour {
  const number = Number.parseInt(text.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** The colour of a strength between 0 and 1: between those of the scale. */
export function heatColor(stops: readonly Colour[], value: number): Colour {
  const at = Math.min(Math.max(value, 0), 1) * (stops.length - 1);
  const low = stops[Math.floor(at)]!;
  const high = stops[Math.ceil(at)]!;
  const mix = (channel: 0 | 1 | 2) => Math.round(low[channel] + (high[channel] - low[channel]) * (at % 1));
  return [mix(0), mix(1), mix(2)];
}

export const heatStops = (color: Surface["color"]) => [0, 1, 2, 3].map((number) => rgb(color(`--heat-${number}`)));

/** The cell at a place on the canvas; `null`: none. */
export function cellAt(cells: HeatCells, {x, y}: {x: number; y: number}, {width, height}: {width: number; height: number}): Cell | null {
  const second = Math.floor(scale(heatWindow(cells), width).at(x) - cells.from);
  const down = (height - MARGIN.bottom - y) / (height - MARGIN.bottom - TOP);
  const part = Math.floor(down * cells.parts);
  return second >= 0 && second < cells.seconds && part >= 0 && part < cells.parts ? {second, part} : null;
}

export function paintHeat(surface: Surface, cells: HeatCells): void {
  const {context, width, height, color} = surface;
  const {x} = scale(heatWindow(cells), width);
  const bottom = height - MARGIN.bottom;
  const ratio = window.devicePixelRatio || 1;
  const {counts, each, parts, most} = squeezed(cells, Math.floor((width - MARGIN.left - MARGIN.right) * ratio));
  const columns = counts.length / parts;
  // A cell is a pixel of a small picture, which is enlarged: much faster than as many rectangles.
  const small = document.createElement("canvas");
  Object.assign(small, {width: columns, height: parts});
  const pixels = small.getContext("2d");
  if (!pixels) return;
  const image = pixels.createImageData(columns, parts);
  const stops = heatStops(color);
  const colors = new Map<number, Colour>();
  for (let column = 0; column < columns; column++) {
    for (let part = 0; part < parts; part++) {
      const count = counts[column * parts + part]!;
      if (count === 0) continue;
      let found = colors.get(count);
      if (!found) colors.set(count, found = heatColor(stops, strength(count, most)));
      image.data.set([...found, 255], 4 * ((parts - 1 - part) * columns + column));
    }
  }
  pixels.putImageData(image, 0, 0);

  context.fillStyle = color("--raised");
  context.fillRect(x(cells.from), TOP, x(cells.from + cells.seconds) - x(cells.from), bottom - TOP);
  // A second in which nothing ran is as high as all: it must not look like a second with little.
  for (const [first, last] of stalls(cells)) {
    const [a, b] = [x(cells.from + first), x(cells.from + last + 1)];
    context.fillStyle = color("--stall");
    context.fillRect(a, TOP, b - a, bottom - TOP);
    context.fillStyle = color("--bad");
    context.fillRect(a, TOP - 7, Math.max(b - a, 1), 5);
  }
  const complete = Array.from({length: cells.seconds}, (_, second) => known(cells, second)).findIndex((state) => state !== "unknown");
  const unknown = complete < 0 ? cells.seconds : complete;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, x(cells.from), TOP, x(cells.from + columns * each) - x(cells.from), bottom - TOP);
  hatch(surface, x(cells.from), TOP, x(cells.from + unknown) - x(cells.from), bottom - TOP);

  context.fillStyle = color("--faint");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let tenth = 0; tenth <= 10; tenth += height > 200 ? 2 : 5) {
    context.fillText(String(100 * tenth), MARGIN.left - 4, bottom - (tenth / 10) * (bottom - TOP));
  }
  paintTimes(surface, heatWindow(cells), bottom);
}

export interface HeatOverlay {
  cells: HeatCells;
  /** Seconds that are marked; `null`: none. */
  marked: Span | null;
  cursor: Cell | null;
}

export function paintHeatOverlay({context, width, height, color}: Surface, {cells, marked, cursor}: HeatOverlay): void {
  const {x} = scale(heatWindow(cells), width);
  const bottom = height - MARGIN.bottom;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  if (marked) {
    const [a, b] = [x(marked.from), x(marked.until)].map((place) => Math.min(Math.max(place, left), right)) as [number, number];
    context.fillStyle = color("--dim");
    context.fillRect(left, TOP, a - left, bottom - TOP);
    context.fillRect(b, TOP, right - b, bottom - TOP);
    context.strokeStyle = color("--accent");
    context.lineWidth = 2;
    context.strokeRect(a, TOP, b - a, bottom - TOP);
  }
  if (cursor) {
    const tall = (bottom - TOP) / cells.parts;
    const a = x(cells.from + cursor.second);
    const wide = Math.max(x(cells.from + cursor.second + 1) - a, 3);
    const top = bottom - (cursor.part + 1) * tall;
    // Twice, so that it can be seen on dark cells and on light ones.
    context.lineWidth = 3;
    context.strokeStyle = color("--back");
    context.strokeRect(a, top, wide, tall);
    context.lineWidth = 1.5;
    context.strokeStyle = color("--text");
    context.strokeRect(a, top, wide, tall);
  }
}

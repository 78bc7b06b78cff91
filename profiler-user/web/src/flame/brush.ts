// Draws boxes on a canvas: fills one colour after the other, then outlines, then texts. Nothing is allocated for a box. It
// must not know which boxes are seen, nor why.

import type {Boxes} from "../model/layout.ts";
import type {Found} from "../model/search.ts";
import type {Tree} from "../model/tree.ts";
import {css} from "./colour.ts";
import {Labels} from "./labels.ts";
import type {Paint} from "./paint.ts";

/** What is drawn, besides where. */
export interface Drawn {
  tree: Tree;
  paint: Paint;
  /** The node that is zoomed to: its callers are pale. */
  zoomed: number;
  /** What a search finds; `null`: there is no search. */
  found: Found | null;
  /** For each frame whether it is of the chosen function; `null`: none is chosen. */
  chosen: Uint8Array | null;
}

/** The canvas, in its own pixels. */
export interface Sheet {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** Its own pixels for one of the page. */
  density: number;
  /** Height of a row. */
  row: number;
  /** Where the first row begins; rows go up from there if `step` is negative. */
  first: number;
  step: number;
}

const FONT = 11.5;
const PADDING = 4;
/** So long texts are measured for one picture: those left out come with the next one. */
const MEASURE_MS = 2;

export class Brush {
  #labels: Labels | null = null;
  #font = "";
  #paint: Paint | null = null;
  #fills: string[] = [];
  #inks: string[] = [];
  #style = new Uint16Array(1024);
  #order = new Int32Array(1024);
  #starts = new Int32Array(0);

  /** Whether texts are missing because there was no time to measure them: then draw once more. */
  draw(sheet: Sheet, drawn: Drawn, boxes: Boxes): boolean {
    const {context, width, height} = sheet;
    context.clearRect(0, 0, width, height);
    this.#prepare(drawn.paint, boxes.count);
    this.#sort(drawn, boxes);
    this.#fill(sheet, boxes);
    if (drawn.chosen) outline(sheet, drawn, boxes, drawn.chosen);
    return this.#write(sheet, drawn, boxes);
  }

  #prepare(paint: Paint, count: number): void {
    if (this.#paint !== paint) {
      this.#paint = paint;
      this.#fills = paint.styles.map(({fill}) => css(fill));
      this.#inks = paint.styles.map(({ink}) => css(ink));
      this.#starts = new Int32Array(paint.styles.length + 1);
    }
    if (this.#style.length < count) {
      this.#style = new Uint16Array(2 * count);
      this.#order = new Int32Array(2 * count);
    }
  }

  /** Each box's style, and the boxes in the order of their styles: counted, then dealt out. */
  #sort({tree, paint, zoomed, found}: Drawn, boxes: Boxes): void {
    const {node: nodes, end: ends, count} = boxes;
    const starts = this.#starts.fill(0);
    for (let i = 0; i < count; i++) {
      const node = nodes[i]!;
      let style: number;
      if (node < 0) {
        // Of what is too narrow to be seen alone at least what was looked for.
        style = found && found.earlier[ends[i]!]! > found.earlier[~node]! ? paint.match : paint.narrow;
      } else {
        style = paint.of[node]!;
        if (found) {
          const frame = tree.frame[node]!;
          style = frame >= 0 && found.frames[frame] === 1 ? paint.match : style + paint.washed;
        } else if (node < zoomed && zoomed < tree.end[node]!) style += paint.washed;
      }
      this.#style[i] = style;
      starts[style + 1]!++;
    }
    for (let style = 1; style < starts.length; style++) starts[style]! += starts[style - 1]!;
    for (let i = 0; i < count; i++) this.#order[starts[this.#style[i]!]!++] = i;
  }

  #fill({context, width, density, row, first, step}: Sheet, boxes: Boxes): void {
    const {left, right, row: rows, count} = boxes;
    const gap = Math.max(Math.round(density / 2), 1);
    let last = -1;
    for (let k = 0; k < count; k++) {
      const i = this.#order[k]!;
      if (this.#style[i] !== last) {
        last = this.#style[i]!;
        context.fillStyle = this.#fills[last]!;
      }
      const from = Math.max(Math.round(left[i]!), 0);
      const to = Math.min(Math.round(right[i]!), width);
      const wide = to - from;
      // Narrow ones touch: with gaps they would be paler than they are wide.
      context.fillRect(from, first + rows[i]! * step, wide > 3 * gap ? wide - gap : Math.max(wide, 1), row - gap);
    }
  }

  #write({context, width, density, row, first, step}: Sheet, {tree}: Drawn, boxes: Boxes): boolean {
    const {node: nodes, left, right, row: rows, count} = boxes;
    const labels = this.#labelsFor(context, density);
    const padding = PADDING * density;
    const narrowest = 2 * padding + FONT * density;
    labels.begin(MEASURE_MS);
    context.textBaseline = "middle";
    let last = "";
    for (let k = 0; k < count; k++) {
      const i = this.#order[k]!;
      const node = nodes[i]!;
      if (node < 0) continue;
      // What begins left of the picture has its text where it can be read.
      const from = Math.max(left[i]!, 0);
      const room = Math.min(right[i]!, width) - from;
      if (room < narrowest) continue;
      const frame = tree.frames[tree.frame[node]!];
      const text = frame ? labels.fit(frame, room - 2 * padding) : "all";
      if (text === "") continue;
      const ink = this.#inks[this.#style[i]!]!;
      if (ink !== last) context.fillStyle = last = ink;
      context.fillText(text, Math.round(from + padding), first + rows[i]! * step + row / 2);
    }
    return labels.starved;
  }

  #labelsFor(context: CanvasRenderingContext2D, density: number): Labels {
    const font = `${FONT * density}px system-ui, sans-serif`;
    // A canvas that was resized has forgotten its font.
    context.font = font;
    if (this.#labels === null || this.#font !== font) {
      this.#font = font;
      this.#labels = new Labels((text) => context.measureText(text).width);
    }
    return this.#labels;
  }
}

/** A frame in the colour of the text around the boxes of the chosen function. */
function outline({context, width, density, row, first, step}: Sheet, {tree, paint}: Drawn, boxes: Boxes, chosen: Uint8Array): void {
  const {node: nodes, left, right, row: rows, count} = boxes;
  const line = 2 * density;
  context.lineWidth = line;
  for (let i = 0; i < count; i++) {
    const node = nodes[i]!;
    if (node <= 0 || chosen[tree.frame[node]!] !== 1) continue;
    const from = Math.max(Math.round(left[i]!), 0);
    const wide = Math.min(Math.round(right[i]!), width) - from;
    context.strokeStyle = css(paint.styles[paint.of[node]!]!.ink);
    context.strokeRect(from + line / 2, first + rows[i]! * step + line / 2, Math.max(wide - line - 1, 1), row - line - 1);
  }
}

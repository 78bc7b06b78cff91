// The picture on the page: which part of the tree is seen and moved to, when it is drawn again, and what is under a point.
// The canvas is only as high as the window and a margin, and moves along inside of its box, which is as high as the tree.
// It must not know what is done with a click, nor colours.

import {Boxes, deepestBelow, layOut, nodeUnder} from "../model/layout.ts";
import type {Tree} from "../model/tree.ts";
import {Brush, type Drawn} from "./brush.ts";
import type {Part} from "../state/view.ts";
import {MOVE_MS, WHOLE, between, moved, relative, rounded, same, scaled, within} from "./lens.ts";

/** What is shown; a search and colours are the brush's. */
export interface Shown extends Drawn {
  icicle: boolean;
  /** Changes when another node is zoomed to, rather than the same one in newer numbers. */
  place: string;
}

/** A box on the page, in its pixels from the picture's left and top, cut off at the picture's sides. */
export interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** So much is drawn above and below of what is seen, so that most scrolling draws nothing. */
const MARGIN = 300;
/** Browsers take only so many changes of the address a second. */
const REST_MS = 300;
const STILL = "(prefers-reduced-motion: reduce)";

export class Scene {
  /** Height of a row. */
  readonly row = window.matchMedia("(pointer: coarse)").matches ? 24 : 18;
  /** Called after each picture. */
  onDrawn: () => void = () => {};
  /** Called when the part that is looked at has come to rest; `null`: all of what is zoomed to. */
  onLens: (part: Part | null) => void = () => {};
  #shown: Shown | null = null;
  #rows = 1;
  /** The part of the zoomed node that is seen: all of it, unless it was looked at closer with wheel or keys. */
  #lens: Part = WHOLE;
  #seen: Part = WHOLE;
  /** What part was told last, or we were told: not to be said again. */
  #told: Part | null = null;
  #tell = 0;
  #move: {from: Part; start: number} | null = null;
  /** What of the box is drawn now, from its top. */
  #drawn = {top: 0, bottom: 0};
  /** How wide the box is: asked of the page only when it may have changed, as that lays out the page. */
  #wide = 0;
  #frame = 0;
  readonly #boxes = new Boxes();
  readonly #brush = new Brush();
  readonly #context: CanvasRenderingContext2D;
  readonly #abort = new AbortController();

  constructor(private readonly box: HTMLElement, private readonly canvas: HTMLCanvasElement) {
    this.#context = canvas.getContext("2d", {alpha: true})!;
    this.#wide = box.clientWidth;
    const resized = new ResizeObserver(() => {
      this.#wide = box.clientWidth;
      this.#soon();
    });
    resized.observe(box);
    const {signal} = this.#abort;
    signal.addEventListener("abort", () => resized.disconnect());
    window.addEventListener("resize", () => this.#soon(), {signal});
    // Whatever is scrolled, the page or a part of it that the picture is in.
    document.addEventListener("scroll", () => this.#scrolled(), {signal, capture: true, passive: true});
  }

  end(): void {
    this.#abort.abort();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#tell);
  }

  show(shown: Shown): void {
    const before = this.#shown;
    const elsewhere = before !== null && before.place !== shown.place;
    this.#shown = shown;
    if (before === null) this.#seen = this.#target();
    else if (elsewhere) this.#go(WHOLE);
    const needed = Math.max(deepestBelow(shown.tree, shown.zoomed) + 1, 2);
    // While numbers change, rows come and go: the page must not jump each time.
    if (elsewhere || before?.icicle !== shown.icicle || needed > this.#rows || 2 * needed < this.#rows) this.#rows = needed;
    const height = `${this.height}px`;
    if (this.box.style.height !== height) this.box.style.height = height;
    this.#soon();
  }

  get height(): number {
    return this.#rows * this.row;
  }

  /** Whether less is seen than what is zoomed to, or other parts besides. */
  get closer(): boolean {
    return !same(this.#lens, WHOLE);
  }

  /** Back to all of what is zoomed to. */
  reset(): void {
    this.#go(WHOLE);
  }

  /** A part that somebody else says; what we have said ourselves changes nothing. */
  look(part: Part | null): void {
    if (sameOrNone(part, this.#told)) return;
    clearTimeout(this.#tell);
    this.#told = part;
    this.#lens = part ?? WHOLE;
    this.#soon();
  }

  /** `factor` times as wide a part, while what is at `x` (pixels of the page) stays there. */
  closerAt(x: number, factor: number): void {
    const {left, width} = this.box.getBoundingClientRect();
    this.#put(scaled(this.#seen, factor, Math.min(Math.max((x - left) / width, 0), 1)));
  }

  /** Moves what is seen along with the pointer. Whether there was anything to move. */
  pan(pixels: number): boolean {
    if (this.#seen.to - this.#seen.from > 0.9999) return false;
    this.#put(moved(this.#seen, -pixels / this.#wide));
    return true;
  }

  /** The node under a point of the window; -1: none. */
  nodeAt(x: number, y: number): number {
    if (!this.#shown) return -1;
    const {left, top, width, height} = this.box.getBoundingClientRect();
    if (x < left || x >= left + width || y < top || y >= top + height) return -1;
    const line = Math.floor((y - top) / this.row);
    const {from, to} = this.#seen;
    const {tree, icicle} = this.#shown;
    return nodeUnder(tree, (from + ((to - from) * (x - left)) / width) * (tree.width[0] ?? 0), icicle ? line : this.#rows - 1 - line);
  }

  /** Where a node is; `null`: not in what is seen. */
  rectangle(node: number): Rectangle | null {
    if (!this.#shown || node < 0) return null;
    const {tree, icicle} = this.#shown;
    const {from, to} = this.#seen;
    const pixels = this.#wide;
    const scale = pixels / ((to - from) * tree.width[0]!);
    const start = (tree.start[node]! - from * tree.width[0]!) * scale;
    const [left, right] = [Math.max(start, 0), Math.min(start + tree.width[node]! * scale, pixels)];
    const depth = tree.depth[node]!;
    if (!(right >= left) || depth >= this.#rows) return null;
    const top = (icicle ? depth : this.#rows - 1 - depth) * this.row;
    return {left, top, width: Math.max(right - left, 3), height: this.row};
  }

  /** Where the zoomed node is. */
  #place({tree, zoomed}: Shown): Part {
    const whole = tree.width[0] ?? 0;
    if (!(whole > 0)) return WHOLE;
    const from = tree.start[zoomed]! / whole;
    return {from, to: from + Math.max(tree.width[zoomed]! / whole, 1e-9)};
  }

  #target(): Part {
    return this.#shown ? within(this.#place(this.#shown), this.#lens) : WHOLE;
  }

  #aim(lens: Part): void {
    this.#lens = lens;
    clearTimeout(this.#tell);
    this.#tell = window.setTimeout(() => {
      const part = this.closer ? rounded(this.#lens) : null;
      if (sameOrNone(part, this.#told)) return;
      this.#told = part;
      this.onLens(part);
    }, REST_MS);
  }

  #go(lens: Part): void {
    this.#aim(lens);
    this.#move = window.matchMedia(STILL).matches ? null : {from: this.#seen, start: performance.now()};
    this.#soon();
  }

  #put(part: Part): void {
    if (!this.#shown) return;
    this.#move = null;
    this.#aim(relative(this.#place(this.#shown), part));
    this.#soon();
  }

  #scrolled(): void {
    const {top, bottom} = this.#visible();
    if (top < this.#drawn.top || bottom > this.#drawn.bottom) this.#soon();
    else this.onDrawn();
  }

  #soon(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  /** What of the box is in the window, from its top. */
  #visible(): {top: number; bottom: number} {
    const {top} = this.box.getBoundingClientRect();
    const bottom = Math.min(Math.max(window.innerHeight - top, 0), this.height);
    return {top: Math.min(Math.max(-top, 0), bottom), bottom};
  }

  #draw(now: number): void {
    this.#frame = 0;
    const shown = this.#shown;
    const wide = this.#wide;
    if (!shown || wide === 0) return;
    this.#step(now);
    const density = window.devicePixelRatio || 1;
    const high = Math.min(this.height, window.innerHeight + 2 * MARGIN);
    const visible = this.#visible();
    const top = Math.round(Math.min(Math.max(visible.top - MARGIN, 0), this.height - high));
    this.#resize(wide, high, density);
    this.canvas.style.transform = `translateY(${top}px)`;
    // While it moves nobody sees the margin.
    this.#drawn = this.#move ? visible : {top, bottom: top + high};
    const {row} = this;
    const lines = [Math.floor(this.#drawn.top / row), Math.ceil(this.#drawn.bottom / row) - 1] as const;
    const {width, height} = this.canvas;
    layOut(shown.tree, {
      ...this.#seen,
      narrowest: density,
      pixels: width,
      top: shown.icicle ? lines[0] : this.#rows - 1 - lines[1],
      bottom: shown.icicle ? lines[1] : this.#rows - 1 - lines[0],
    }, this.#boxes);
    const step = Math.round(row * density);
    const first = shown.icicle ? -Math.round(top * density) : Math.round((this.height - top) * density) - step;
    const again = this.#brush.draw({
      context: this.#context, width, height, density, row: step, first, step: shown.icicle ? step : -step,
    }, shown, this.#boxes);
    this.onDrawn();
    if (this.#move || again) this.#soon();
  }

  #step(now: number): void {
    const target = this.#target();
    if (!this.#move) {
      this.#seen = target;
      return;
    }
    const progress = Math.max(now - this.#move.start, 0) / MOVE_MS;
    this.#seen = between(this.#move.from, target, progress);
    if (progress >= 1) this.#move = null;
  }

  #resize(wide: number, high: number, density: number): void {
    const [width, height] = [Math.round(wide * density), Math.round(high * density)];
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.style.width = `${wide}px`;
    this.canvas.style.height = `${high}px`;
  }
}

function sameOrNone(one: Part | null, other: Part | null): boolean {
  return one && other ? same(one, other) : one === other;
}

/** Whether a tree has anything to draw. */
export function drawable(tree: Tree): boolean {
  return (tree.width[0] ?? 0) > 0;
}

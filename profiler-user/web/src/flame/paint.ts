// Which colour each box has: by origin, module, name, or what changed. Colours are few and numbered, so that a picture is
// drawn one colour after the other. It must not know the canvas.

import {functionKey} from "../model/functions.ts";
import type {Frame, Tree} from "../model/tree.ts";
import type {Colour} from "../state/view.ts";
import {inkOn, mix, oklch, type Rgb} from "./colour.ts";

export interface Style {
  fill: Rgb;
  /** Of the text on it. */
  ink: Rgb;
}

/** The styles of a picture, and which of them each node has. Those from `washed` on are the same ones, pale: what a search
 *  did not find, and callers of what is zoomed to. */
export interface Paint {
  styles: readonly Style[];
  of: Uint16Array;
  washed: number;
  /** Of what a search found, and of many boxes too narrow to be drawn each. */
  match: number;
  narrow: number;
}

/** One line of the legend. */
export interface Key {
  name: string;
  fill: Rgb;
}

const SHADES = 5;
/** Lightness, chroma and hue; those next to each other in most profiles (own, library, package, kernel) differ in lightness
 *  too. In the dark the same hues, darker. */
const ORIGINS: Record<string, {name: string; light: [number, number, number]; dark: [number, number, number]}> = {
  own: {name: "own code", light: [0.8, 0.13, 65], dark: [0.72, 0.13, 62]},
  package: {name: "packages", light: [0.91, 0.09, 100], dark: [0.6, 0.08, 100]},
  library: {name: "standard library", light: [0.73, 0.1, 245], dark: [0.5, 0.1, 250]},
  kernel: {name: "kernel", light: [0.52, 0.13, 300], dark: [0.4, 0.13, 300]},
  label: {name: "processes, threads", light: [0.9, 0.008, 250], dark: [0.34, 0.01, 250]},
  unknown: {name: "unknown", light: [0.64, 0.01, 60], dark: [0.46, 0.01, 60]},
};
const BACK: Record<"light" | "dark", Rgb> = {light: [253, 253, 251], dark: [25, 26, 28]};
const HUES = 18;
const MOST_STEP = 6;

/** Hash of a text that is the same everywhere (FNV-1a). */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  // The low bits of short texts are much alike.
  return (state ^ (state >>> 15)) >>> 0;
}

function originOf(frame: Frame | undefined): string {
  return frame && frame.origin in ORIGINS ? frame.origin : frame ? "unknown" : "label";
}

/** The fills of a way to colour, and which of them a node has. */
interface Palette {
  fills: Rgb[];
  of: (tree: Tree) => (node: number) => number;
}

function byOrigin(dark: boolean): Palette {
  const names = Object.keys(ORIGINS);
  const fills = names.flatMap((name) => Array.from({length: SHADES}, (_, shade) => originFill(name, dark, shade)));
  return {fills, of: (tree) => perFrame(tree, (frame) => names.indexOf(originOf(frame)) * SHADES + shadeOf(frame))};
}

function shadeOf(frame: Frame | undefined): number {
  return frame && originOf(frame) !== "label" ? hash(functionKey(frame)) % SHADES : SHADES >> 1;
}

/** The look of one frame by its origin: for pictures that are not trees. */
export function originStyle(frame: Frame | null, dark: boolean): Style {
  const fill = originFill(originOf(frame ?? undefined), dark, shadeOf(frame ?? undefined));
  return {fill, ink: inkOn(fill)};
}

function originFill(name: string, dark: boolean, shade: number): Rgb {
  const [lightness, chroma, hue] = ORIGINS[name]![dark ? "dark" : "light"];
  const step = shade - (SHADES >> 1);
  return oklch(lightness + 0.012 * step, chroma, hue + 4 * step);
}

/** By the hash of a text: hues around the circle, each in three lightnesses. */
function byText(dark: boolean, text: (frame: Frame) => string): Palette {
  const grey = oklch(dark ? 0.36 : 0.88, 0.005, 250);
  const fills = Array.from({length: 3 * HUES}, (_, i) =>
    oklch((dark ? 0.5 : 0.74) + 0.07 * Math.floor(i / HUES), 0.095, (360 * (i % HUES)) / HUES));
  return {fills: [grey, ...fills], of: (tree) => perFrame(tree, (frame) => {
    const said = frame ? text(frame) : "";
    return said === "" ? 0 : 1 + (hash(said) % fills.length);
  })};
}

/** Kernel functions have no module; what has a file and no module is by its file. */
function moduleOf(frame: Frame): string {
  if (frame.origin === "kernel") return "[kernel]";
  return frame.module || frame.file;
}

/** From blue (-1: gone) over grey to red (1: new): both get stronger and darker by the same steps. */
export function changeFill(change: number, dark: boolean): Rgb {
  const size = Math.abs(change);
  const lightness = dark ? 0.36 + 0.24 * size : 0.93 - 0.33 * size;
  return oklch(lightness, 0.005 + 0.15 * size, change < 0 ? 255 : 30);
}

/** How much a node's share of the whole changed, from -1 (gone) over 0 (as before) to 1 (new): twice as much is 0.5, half
 *  as much is -0.5. */
export function changeOf(tree: Tree, node: number): number {
  const {total, before} = tree;
  if (!before) return 0;
  const now = total[0]! > 0 ? total[node]! / total[0]! : 0;
  const then = before.total[0]! > 0 ? before.total[node]! / before.total[0]! : 0;
  const larger = Math.max(now, then);
  return larger > 0 ? (now - then) / larger : 0;
}

function byChange(dark: boolean): Palette {
  const fills = Array.from({length: 2 * MOST_STEP + 1}, (_, i) => changeFill((i - MOST_STEP) / MOST_STEP, dark));
  return {fills, of: (tree) => (node) => MOST_STEP + Math.round(MOST_STEP * changeOf(tree, node))};
}

/** What depends on the frame alone is found once for each frame. */
function perFrame(tree: Tree, of: (frame: Frame | undefined) => number): (node: number) => number {
  const known = Uint16Array.from(tree.frames, of);
  const root = of(undefined);
  return (node) => known[tree.frame[node]!] ?? root;
}

function paletteOf(colour: Colour, dark: boolean, difference: boolean): Palette {
  switch (colour) {
    case "difference": return difference ? byChange(dark) : byOrigin(dark);
    case "module": return byText(dark, moduleOf);
    case "name": return byText(dark, (frame) => (frame.origin === "label" ? "" : functionKey(frame)));
    case "origin": return byOrigin(dark);
  }
}

/** All that is needed to colour a tree. */
export function paint(tree: Tree, colour: Colour, dark: boolean): Paint {
  const palette = paletteOf(colour, dark, tree.before !== null);
  const back = BACK[dark ? "dark" : "light"];
  const styled = (fill: Rgb): Style => ({fill, ink: inkOn(fill)});
  const washed = palette.fills.map((fill) => mix(mix(fill, greyOf(fill), 0.5), back, 0.35));
  const match = matchFill(dark);
  const narrow = oklch(dark ? 0.42 : 0.8, 0.005, 250);
  const find = palette.of(tree);
  return {
    styles: [...palette.fills, ...washed, match, narrow].map(styled),
    of: Uint16Array.from(tree.frame, (_, node) => find(node)),
    washed: palette.fills.length,
    match: 2 * palette.fills.length,
    narrow: 2 * palette.fills.length + 1,
  };
}

function matchFill(dark: boolean): Rgb {
  return oklch(dark ? 0.75 : 0.5, 0.2, dark ? 340 : 350);
}

/** The look of what a search found, for pictures that are not trees. */
export function matchStyle(dark: boolean): Style {
  const fill = matchFill(dark);
  return {fill, ink: inkOn(fill)};
}

function greyOf([red, green, blue]: Rgb): Rgb {
  const grey = Math.round(0.3 * red + 0.6 * green + 0.1 * blue);
  return [grey, grey, grey];
}

/** The legend: origins that the tree has, or nothing where colours only tell neighbours apart. */
export function legend(tree: Tree, colour: Colour, dark: boolean): Key[] {
  if (colour === "module" || colour === "name") return [];
  const there = new Set(tree.frames.map(originOf));
  return Object.entries(ORIGINS)
    .filter(([origin]) => there.has(origin))
    .map(([origin, {name}]) => ({name, fill: originFill(origin, dark, SHADES >> 1)}));
}

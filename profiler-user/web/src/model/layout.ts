// Which boxes of a tree are to be drawn, and where: only those that can be seen, so that the work is that of the picture,
// not of the tree. It must not know colours, canvases, nor which way is up.

import type {Tree} from "./tree.ts";

/** What is to be seen of a tree. */
export interface Window {
  /** From and to which share of the root's width. */
  from: number;
  to: number;
  /** Pixels that this is wide. */
  pixels: number;
  /** First and last row, which are depths. */
  top: number;
  bottom: number;
  /** Boxes narrower than this, in pixels, are put together with their neighbours, and what is below them is left out. */
  narrowest: number;
}

/** The boxes, in arrays that are used again for the next picture. */
export class Boxes {
  count = 0;
  /** The node; of several narrow ones together the first of them, as `~node`. */
  node = new Int32Array(1024);
  left = new Float64Array(1024);
  right = new Float64Array(1024);
  row = new Int32Array(1024);
  /** The first node after the box and, of narrow ones together, after all of them and what is below them. */
  end = new Int32Array(1024);

  push(node: number, end: number, left: number, right: number, row: number): void {
    if (this.count === this.node.length) this.#grow();
    const at = this.count++;
    this.node[at] = node;
    this.end[at] = end;
    this.left[at] = left;
    this.right[at] = right;
    this.row[at] = row;
  }

  #grow(): void {
    const larger = <T extends Int32Array | Float64Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    const size = 2 * this.node.length;
    this.node = larger(this.node, new Int32Array(size));
    this.left = larger(this.left, new Float64Array(size));
    this.right = larger(this.right, new Float64Array(size));
    this.row = larger(this.row, new Int32Array(size));
    this.end = larger(this.end, new Int32Array(size));
  }
}

/** The boxes of a window, in pre-order. */
export function layOut(tree: Tree, window: Window, boxes: Boxes): void {
  const {end, start, width, depth, parent} = tree;
  const {from, to, pixels, top, bottom, narrowest} = window;
  const count = end.length;
  boxes.count = 0;
  const whole = width[0] ?? 0;
  if (!(whole > 0) || !(to > from)) return;
  const scale = pixels / ((to - from) * whole);
  const origin = from * whole;
  // The box of narrow neighbours that the next one is added to; -1: none.
  let open = -1;
  let node = 0;
  while (node < count) {
    const left = (start[node]! - origin) * scale;
    // Whatever comes after it below the same parent is further to the right.
    if (left >= pixels) {
      node = node === 0 ? count : end[parent[node]!]!;
      continue;
    }
    const right = left + width[node]! * scale;
    if (right <= 0 || right === left) {
      node = end[node]!;
      continue;
    }
    const row = depth[node]!;
    if (right - left < narrowest) {
      if (row >= top && row <= bottom) {
        // Siblings one after the other, so only the last box can be the one that is next to this.
        if (open >= 0 && open === boxes.count - 1 && boxes.row[open] === row && left - boxes.right[open]! < 0.01) {
          boxes.right[open] = right;
          boxes.end[open] = end[node]!;
        } else {
          boxes.push(~node, end[node]!, left, right, row);
          open = boxes.count - 1;
        }
      }
      node = end[node]!;
      continue;
    }
    if (row >= top && row <= bottom) boxes.push(node, end[node]!, left, right, row);
    node = row < bottom ? node + 1 : end[node]!;
  }
}

/** The node at a place, which is in the tree's own unit from the left, in a row; -1: nothing is there. */
export function nodeUnder(tree: Tree, place: number, row: number): number {
  const {start, width, depth, parent} = tree;
  // Nodes in pre-order begin one right of the other: the last one that begins at or left of the place is in the innermost
  // box there, or the last one in it.
  let low = 0;
  let high = start.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (start[middle]! <= place) low = middle + 1;
    else high = middle;
  }
  let node = low - 1;
  if (node < 0) return -1;
  while (node > 0 && place >= start[node]! + width[node]!) node = parent[node]!;
  if (place >= start[node]! + width[node]! || depth[node]! < row) return -1;
  while (depth[node]! > row) node = parent[node]!;
  return node;
}

/** The deepest row below a node, itself included. */
export function deepestBelow(tree: Tree, node: number): number {
  let deepest = tree.depth[node] ?? 0;
  for (let at = node + 1; at < (tree.end[node] ?? 0); at++) deepest = Math.max(deepest, tree.depth[at]!);
  return deepest;
}

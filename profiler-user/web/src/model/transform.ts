// Trees made of trees: with kinds of frames left out, with recursion collapsed, with some stacks only. Sums stay right: a
// sample of a frame that is left out is its caller's. It must not know why it is asked, nor how a tree is drawn.

import {functionKey} from "./functions.ts";
import {build, type Frame, type Path, type Tree} from "./tree.ts";

export interface Shape {
  /** Origins of frames that are left out: what they call is their caller's, and so are their own samples. */
  hide: readonly string[];
  /** A function that calls itself directly is one box. */
  collapse: boolean;
  /** Only stacks with this function, by [`functionKey`]; empty: all. */
  only: string;
}

/** A tree in another shape; the same one if nothing is to be done. */
export function shaped(whole: Tree, {hide, collapse, only}: Shape): Tree {
  // First: a function that is left out still says which stacks are wanted.
  const tree = only === "" ? whole : focus(whole, (frame) => functionKey(frame) === only);
  if (hide.length === 0 && !collapse) return tree;
  const hidden = tree.frames.map((frame) => hide.includes(frame.origin));
  return regrown(tree, (node, up) => {
    const frame = tree.frame[node]!;
    return hidden[frame]! || (collapse && frame === up);
  });
}

/** The path that leads to the same node in the other shape, or to its nearest caller that is still there. */
export function shapedPath(tree: Tree, path: Path, {hide, collapse}: Omit<Shape, "only">): Path {
  const left: string[] = [];
  let at = 0;
  for (const text of path) {
    at = childNamed(tree, at, text);
    // What is not in the tree now may be there again soon.
    const origin = at < 0 ? null : tree.frames[tree.frame[at]!]!.origin;
    if (origin !== null && hide.includes(origin)) continue;
    if (collapse && left.at(-1) === text) continue;
    left.push(text);
  }
  return left;
}

/** Only what leads to the frames that are kept and what they call; the rest weighs nothing and is not there. */
function focus(tree: Tree, keep: (frame: Frame) => boolean): Tree {
  const kept = tree.frames.map(keep);
  const count = tree.frame.length;
  // 2: below a kept frame, or one; 1: on the way to one.
  const mark = new Uint8Array(count);
  for (let node = 1; node < count; node++) {
    if (mark[tree.parent[node]!] === 2 || kept[tree.frame[node]!]) mark[node] = 2;
  }
  for (let node = count - 1; node > 0; node--) if (mark[node] !== 0) mark[tree.parent[node]!] ||= 1;
  const nodes: number[] = count > 0 ? [0] : [];
  const place = new Int32Array(count);
  for (let node = 1; node < count; node++) if (mark[node] !== 0) place[node] = nodes.push(node) - 1;
  const whole = nodes.map((node) => mark[node] === 2);
  const parent = nodes.map((node) => place[tree.parent[node]!]!);
  const weigh = (total: Float64Array, self: Float64Array) => {
    const totals = nodes.map((node, i) => (whole[i] ? total[node]! : 0));
    for (let i = nodes.length - 1; i > 0; i--) if (!whole[parent[i]!]) totals[parent[i]!]! += totals[i]!;
    return {total: totals, self: nodes.map((node, i) => (whole[i] ? self[node]! : 0))};
  };
  return build({
    frames: tree.frames,
    nodes: {frame: nodes.map((node) => frameOrNull(tree, node)), parent, ...weigh(tree.total, tree.self)},
    secondsPerSample: tree.secondsPerSample,
    ...(tree.before ? {before: weigh(tree.before.total, tree.before.self)} : {}),
  });
}

function frameOrNull(tree: Tree, node: number): number | null {
  return tree.frame[node]! < 0 ? null : tree.frame[node]!;
}

/** The child of a node by its text; -1: there is none, or `node` is none itself. */
function childNamed(tree: Tree, node: number, text: string): number {
  if (node < 0) return -1;
  for (let child = node + 1; child < (tree.end[node] ?? 0); child = tree.end[child]!) {
    if (tree.frames[tree.frame[child]!]!.text === text) return child;
  }
  return -1;
}

/** The tree without some nodes: what is below them moves up, and siblings that are then equal become one. `gone` is told
 *  the node, and the frame of what it would be put below (-1: the root). */
function regrown(tree: Tree, gone: (node: number, up: number) => boolean): Tree {
  const {frame, parent, total, self, before} = tree;
  const count = frame.length;
  // Nodes of the new tree, parents first, and which of them each old node has become.
  const place = new Int32Array(count);
  const frames: (number | null)[] = [];
  const parents: number[] = [];
  const sums = {total: [] as number[], self: [] as number[]};
  const sumsBefore = {total: [] as number[], self: [] as number[]};
  // By parent and frame: the product of both counts is far below 2^53.
  const known = new Map<number, number>();
  for (let node = 0; node < count; node++) {
    const up = node === 0 ? 0 : place[parent[node]!]!;
    const left = node > 0 && gone(node, frames[up] ?? -1);
    const key = up * (tree.frames.length + 1) + frame[node]! + 1;
    let at = left ? up : known.get(key);
    if (at === undefined) {
      at = frames.push(frameOrNull(tree, node)) - 1;
      parents.push(up);
      for (const list of [sums.total, sums.self, sumsBefore.total, sumsBefore.self]) list.push(0);
      if (node > 0) known.set(key, at);
    }
    place[node] = at;
    sums.self[at]! += self[node]!;
    // The total of what is left out is in its caller's already.
    if (!left) sums.total[at]! += total[node]!;
    if (before) {
      sumsBefore.self[at]! += before.self[node]!;
      if (!left) sumsBefore.total[at]! += before.total[node]!;
    }
  }
  return build({
    frames: tree.frames,
    nodes: {frame: frames, parent: parents, ...sums},
    secondsPerSample: tree.secondsPerSample,
    ...(before ? {before: sumsBefore} : {}),
  });
}

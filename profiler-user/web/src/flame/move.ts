// Where a key leads from a box. It must not know what is drawn, nor what follows.

import type {Tree} from "../model/tree.ts";

export type Direction = "caller" | "callee" | "left" | "right" | "root";

/** Which way an arrow leads: with the root at the top, what a function calls is below it. */
export function directionOf(key: string, icicle: boolean): Direction | null {
  switch (key) {
    case "ArrowDown": return icicle ? "callee" : "caller";
    case "ArrowUp": return icicle ? "caller" : "callee";
    case "ArrowLeft": return "left";
    case "ArrowRight": return "right";
    case "Home": return "root";
    default: return null;
  }
}

/** The next box; `node` itself if there is none. A callee is the widest one. Beside `edge` (what is zoomed to) and its
 *  callers nothing can be seen, so nothing leads there. */
export function moveFrom(tree: Tree, node: number, direction: Direction, edge: number): number {
  const {parent, end, width} = tree;
  switch (direction) {
    case "root": return 0;
    case "caller": return parent[node]!;
    case "callee": {
      // A caller of what is zoomed to: the way to that.
      if (node < edge && edge < end[node]!) return below(tree, node, edge);
      let widest = node;
      for (let child = node + 1; child < end[node]!; child = end[child]!) {
        if (widest === node ? width[child]! > 0 : width[child]! > width[widest]!) widest = child;
      }
      return widest;
    }
    case "left":
    case "right": return node > edge && node < end[edge]! ? beside(tree, node, direction) : node;
  }
}

/** The child of `node` that `inner` is below, or is. */
function below(tree: Tree, node: number, inner: number): number {
  let at = inner;
  while (tree.parent[at] !== node) at = tree.parent[at]!;
  return at;
}

function beside(tree: Tree, node: number, direction: "left" | "right"): number {
  const {parent, end, width} = tree;
  const up = parent[node]!;
  let last = node;
  for (let child = up + 1; child < end[up]!; child = end[child]!) {
    if (child === node && direction === "left") return last;
    if (width[child] === 0) continue;
    if (child > node && direction === "right") return child;
    last = child;
  }
  return node;
}

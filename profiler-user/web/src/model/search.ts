// Which nodes a search finds, and how much of the whole they are: each sample once, however many of its frames match. It
// must not know how they are shown.

import type {Frame, Tree} from "./tree.ts";

/** What was typed: a pattern, nothing, or something that is no regular expression. */
export interface Query {
  pattern: RegExp | null;
  /** Why it is no regular expression; empty: it is one. */
  error: string;
}

export function compile(text: string): Query {
  if (text === "") return {pattern: null, error: ""};
  try {
    // As nearly all searches are typed: without capitals, and meant for all.
    return {pattern: new RegExp(text, "i"), error: ""};
  } catch (error) {
    return {pattern: null, error: (error as Error).message.replace(/^Invalid regular expression: /, "")};
  }
}

export interface Found {
  /** For each frame whether it matches. */
  frames: Uint8Array;
  /** Nodes that match, in pre-order. */
  nodes: Int32Array;
  /** How many nodes before each node match; one more for the end. */
  earlier: Int32Array;
  /** Samples that have a match in their stack. */
  total: number;
  /** As `total`, before, in a difference. */
  before: number;
}

/** For each frame whether it matches: 1 or 0. */
export function matching(frames: readonly Frame[], pattern: RegExp): Uint8Array {
  return Uint8Array.from(frames, (frame) => (pattern.test(frame.text) ? 1 : 0));
}

/** Looks at each frame once, at each node once. */
export function find(tree: Tree, pattern: RegExp): Found {
  const frames = matching(tree.frames, pattern);
  const nodes: number[] = [];
  const count = tree.frame.length;
  const earlier = new Int32Array(count + 1);
  let total = 0;
  let before = 0;
  // The end of the outermost match that the node is below.
  let inside = 0;
  for (let node = 0; node < count; node++) {
    earlier[node] = nodes.length;
    if (frames[tree.frame[node]!] !== 1) continue;
    nodes.push(node);
    if (node < inside) continue;
    inside = tree.end[node]!;
    total += tree.total[node]!;
    before += tree.before?.total[node] ?? 0;
  }
  earlier[count] = nodes.length;
  return {frames, nodes: Int32Array.from(nodes), earlier, total, before};
}

/** The match after `node`, or before it, and from the other end on if there is none; -1: nothing matches. */
export function nextMatch({nodes}: Found, node: number, step: 1 | -1): number {
  if (nodes.length === 0) return -1;
  if (step === 1) return nodes.find((match) => match > node) ?? nodes[0]!;
  return nodes.findLast((match) => match < node) ?? nodes.at(-1)!;
}

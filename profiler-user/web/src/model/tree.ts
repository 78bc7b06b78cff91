// A call tree as arrays: what every picture and table is made of. Nodes are in pre-order, so that what is below a node is
// the range up to `end`; siblings are in the order of their names, so that a picture that changes does not jump.
//
// It must not know where a tree came from, nor how it is drawn.

/** A function, a process, a thread, or a reason why there is none. */
export interface Frame {
  /** As in the folded stacks: name and place. */
  text: string;
  name: string;
  /** `python`, `kernel`, `other`, `process`, `thread`, `interpreter`, `unknown`, `truncated` or `pruned`. */
  kind: string;
  /** `own`, `package`, `library`, `kernel`, `label` or `unknown`. */
  origin: string;
  /** Empty where there is none. */
  file: string;
  /** 0 where there is none: without `lines` always. */
  line: number;
  firstLine: number;
  /** The dotted module that the file is; empty where there is none. */
  module: string;
  /** In a difference: the change of what the function itself uses may be chance. Absent where that is not known. */
  withinNoise?: true;
}

/** What a node weighs. */
export interface Weights {
  /** Samples of the node and of what is below it. */
  total: Float64Array;
  /** Samples of the node alone. */
  self: Float64Array;
}

export interface Tree extends Weights {
  frames: readonly Frame[];
  /** Index in `frames`; -1: the root, node 0. */
  frame: Int32Array;
  parent: Int32Array;
  depth: Int32Array;
  /** The first node after those below this one. */
  end: Int32Array;
  /** Where the node begins, in samples from the left. */
  start: Float64Array;
  /** The deepest node's depth. */
  deepest: number;
  /** CPU seconds that a sample stands for. */
  secondsPerSample: number;
  /** What the same nodes weighed before, in a difference; `total` and `self` are what they weigh now. Boxes are as wide
   *  as the larger of both, so that what is gone can be seen: `width`. */
  before: Weights | null;
  /** How wide a node is: `total`, in a difference the larger side of each leaf, summed up. */
  width: Float64Array;
}

/** Nodes as the API has them: parents before their children. */
export interface RawNodes {
  frame: ArrayLike<number | null>;
  parent: ArrayLike<number>;
  total: ArrayLike<number>;
  self: ArrayLike<number>;
}

export interface RawTree {
  frames: readonly Frame[];
  nodes: RawNodes;
  secondsPerSample: number;
  before?: {total: ArrayLike<number>; self: ArrayLike<number>};
}

/** The tree of nodes that come in any order in which parents are before their children. */
export function build(raw: RawTree): Tree {
  const {frames, nodes, before} = raw;
  const count = nodes.frame.length;
  // The children of each node, in the order of their names: sorted once over all nodes, then dealt out to their parents.
  const rank = ranks(frames);
  const rankOf = (node: number) => rank[nodes.frame[node] ?? -1] ?? -1;
  const order = Int32Array.from({length: Math.max(count - 1, 0)}, (_, i) => i + 1).sort((a, b) => rankOf(b) - rankOf(a) || b - a);
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  for (const node of order) {
    const parent = nodes.parent[node]!;
    nextSibling[node] = firstChild[parent]!;
    firstChild[parent] = node;
  }
  const tree = empty(frames, count, raw.secondsPerSample, before !== undefined);
  const old = new Int32Array(count);
  // Depth first without recursion: trees may be a thousand deep.
  const stack: [number, number][] = count > 0 ? [[0, 0]] : [];
  let at = 0;
  while (stack.length > 0) {
    const [node, parent] = stack.pop()!;
    old[at] = node;
    tree.frame[at] = nodes.frame[node] ?? -1;
    tree.parent[at] = parent;
    tree.depth[at] = at === 0 ? 0 : tree.depth[parent]! + 1;
    tree.total[at] = nodes.total[node]!;
    tree.self[at] = nodes.self[node]!;
    if (tree.before && before) {
      tree.before.total[at] = before.total[node]!;
      tree.before.self[at] = before.self[node]!;
    }
    const children: [number, number][] = [];
    for (let child = firstChild[node]!; child >= 0; child = nextSibling[child]!) children.push([child, at]);
    for (const child of children.reverse()) stack.push(child);
    at++;
  }
  return finish(tree);
}

/** A tree whose nodes are to be filled in, in pre-order; then [`finish`] it. */
export function empty(frames: readonly Frame[], count: number, secondsPerSample: number, difference: boolean): Tree {
  const weights = (): Weights => ({total: new Float64Array(count), self: new Float64Array(count)});
  const {total, self} = weights();
  return {
    frames,
    frame: new Int32Array(count).fill(-1),
    parent: new Int32Array(count),
    depth: new Int32Array(count),
    end: new Int32Array(count),
    start: new Float64Array(count),
    deepest: 0,
    secondsPerSample,
    total,
    self,
    before: difference ? weights() : null,
    width: new Float64Array(count),
  };
}

/** Computes what follows from `frame`, `parent`, `depth` and weights, which are in pre-order. */
export function finish(tree: Tree): Tree {
  const {parent, depth, end, start, width, total, self, before} = tree;
  const count = parent.length;
  for (let node = 0; node < count; node++) {
    tree.deepest = Math.max(tree.deepest, depth[node]!);
    end[node] = node + 1;
    width[node] = before ? Math.max(self[node]!, before.self[node]!) : total[node]!;
  }
  for (let node = count - 1; node > 0; node--) {
    const up = parent[node]!;
    end[up] = Math.max(end[up]!, end[node]!);
    if (!before) continue;
    // Either side of a node may be more than its children's sum, by what was left out below it.
    width[node] = Math.max(width[node]!, total[node]!, before.total[node]!);
    width[up]! += width[node]!;
  }
  if (before && count > 0) width[0] = Math.max(width[0]!, total[0]!, before.total[0]!);
  const used = new Float64Array(count);
  for (let node = 1; node < count; node++) {
    const up = parent[node]!;
    start[node] = start[up]! + used[up]!;
    used[up]! += width[node]!;
  }
  return tree;
}

/** Each frame's place in the order of names. */
function ranks(frames: readonly Frame[]): Int32Array {
  const order = frames.map((_, index) => index).sort((a, b) => {
    const [left, right] = [frames[a]!.text, frames[b]!.text];
    return left < right ? -1 : left > right ? 1 : a - b;
  });
  const rank = new Int32Array(frames.length);
  order.forEach((index, place) => (rank[index] = place));
  return rank;
}

/** Name of a node that stays while the data changes: of the frames from the root on. */
export type Path = readonly string[];

/** The frames' texts from below the root to a node. */
export function pathOf(tree: Tree, node: number): Path {
  const path: string[] = [];
  for (let at = node; at > 0; at = tree.parent[at]!) path.push(tree.frames[tree.frame[at]!]!.text);
  return path.reverse();
}

/** The node that a path leads to; -1: there is none. */
export function nodeAt(tree: Tree, path: Path): number {
  let at = 0;
  for (const text of path) {
    let child = at + 1;
    while (child < tree.end[at]! && tree.frames[tree.frame[child]!]!.text !== text) child = tree.end[child]!;
    if (child >= tree.end[at]!) return -1;
    at = child;
  }
  return tree.frame.length > 0 ? at : -1;
}

/** A node's frame; `null`: the root. */
export function frameOf(tree: Tree, node: number): Frame | null {
  return tree.frames[tree.frame[node]!] ?? null;
}

/** The node that a path leads to, or the last one on the way that there is: frames come and go in what is live. */
export function nearest(tree: Tree, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(tree, path.slice(0, length));
    if (node >= 0) return node;
  }
  return 0;
}

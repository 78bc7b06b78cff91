// Who calls a function, and what it calls: all its occurrences merged into two trees. A sample is in each tree once,
// however often the function is on its stack: the stack is cut at the outermost occurrence, so that what is above the cut
// is in the callers and what is below, further occurrences too, in the callees. It must not know how they are drawn.

import {functionKey} from "./functions.ts";
import {build, type RawNodes, type Tree, type Weights} from "./tree.ts";

export interface Sandwich {
  /** The root is the function, its children are its callers. */
  callers: Tree;
  /** The root is the function, its children are what it calls. */
  callees: Tree;
  /** How many samples the function is on; in a difference now, and before. */
  total: number;
  before: number;
}

/** Callers and callees of a function by its [`functionKey`]; `null`: it is not in the tree. */
export function sandwich(tree: Tree, key: string): Sandwich | null {
  const is = tree.frames.map((frame) => functionKey(frame) === key);
  const outermost: number[] = [];
  for (let node = 1; node < tree.frame.length; node++) {
    if (!is[tree.frame[node]!]) continue;
    outermost.push(node);
    node = tree.end[node]! - 1;
  }
  if (outermost.length === 0) return null;
  const sum = (values: Float64Array) => outermost.reduce((all, node) => all + values[node]!, 0);
  return {
    callers: callersOf(tree, outermost),
    callees: calleesOf(tree, outermost),
    total: sum(tree.total),
    before: tree.before ? sum(tree.before.total) : 0,
  };
}

/** Nodes of a tree that is made: parents before children, as [`build`] takes them. */
class Nodes implements RawNodes {
  readonly frame: (number | null)[] = [];
  readonly parent: number[] = [];
  readonly total: number[] = [];
  readonly self: number[] = [];
  readonly before = {total: [] as number[], self: [] as number[]};

  push(frame: number, parent: number): number {
    this.frame.push(frame);
    this.parent.push(parent);
    for (const list of [this.total, this.self, this.before.total, this.before.self]) list.push(0);
    return this.frame.length - 1;
  }

  tree(of: Tree): Tree {
    const raw = {frames: of.frames, nodes: this, secondsPerSample: of.secondsPerSample};
    return build(of.before ? {...raw, before: this.before} : raw);
  }
}

/** Deals things out by their frames: the groups of one round. An array of all frames rather than a map, as there are as
 *  many rounds as the tree that is made has nodes. */
class Dealer<Thing> {
  readonly #slot: Int32Array;
  #groups: [frame: number, things: Thing[]][] = [];

  constructor(frames: number) {
    this.#slot = new Int32Array(frames).fill(-1);
  }

  put(frame: number, thing: Thing): void {
    const slot = this.#slot[frame]!;
    if (slot >= 0) this.#groups[slot]![1].push(thing);
    else {
      this.#slot[frame] = this.#groups.length;
      this.#groups.push([frame, [thing]]);
    }
  }

  /** The groups, and room for the next round. */
  take(): [frame: number, things: Thing[]][] {
    const groups = this.#groups;
    for (const [frame] of groups) this.#slot[frame] = -1;
    this.#groups = [];
    return groups;
  }
}

function calleesOf(tree: Tree, outermost: number[]): Tree {
  const nodes = new Nodes();
  const dealer = new Dealer<number>(tree.frames.length);
  const work: [merged: number, of: number[]][] = [[nodes.push(tree.frame[outermost[0]!]!, 0), outermost]];
  for (let next = work.pop(); next; next = work.pop()) {
    const [merged, of] = next;
    for (const node of of) {
      add(nodes, merged, tree, node);
      if (tree.before) add(nodes.before, merged, tree.before, node);
      for (let child = node + 1; child < tree.end[node]!; child = tree.end[child]!) dealer.put(tree.frame[child]!, child);
    }
    for (const [frame, children] of dealer.take()) work.push([nodes.push(frame, merged), children]);
  }
  return nodes.tree(tree);
}

function add(to: {total: number[]; self: number[]}, merged: number, from: Weights, node: number): void {
  to.total[merged]! += from.total[node]!;
  to.self[merged]! += from.self[node]!;
}

/** An occurrence, and how far up from it we are. */
interface Climb {
  occurrence: number;
  at: number;
}

function callersOf(tree: Tree, outermost: number[]): Tree {
  const nodes = new Nodes();
  const dealer = new Dealer<Climb>(tree.frames.length);
  const first = outermost.map((node) => ({occurrence: node, at: node}));
  const work: [merged: number, of: Climb[]][] = [[nodes.push(tree.frame[outermost[0]!]!, 0), first]];
  for (let next = work.pop(); next; next = work.pop()) {
    const [merged, of] = next;
    for (const climb of of) {
      const up = tree.parent[climb.at]!;
      // What nobody calls ends here: it is this caller's own in the turned tree.
      climbed(nodes, merged, tree.total[climb.occurrence]!, up === 0);
      if (tree.before) climbed(nodes.before, merged, tree.before.total[climb.occurrence]!, up === 0);
      if (up === 0) continue;
      climb.at = up;
      dealer.put(tree.frame[up]!, climb);
    }
    for (const [frame, climbs] of dealer.take()) work.push([nodes.push(frame, merged), climbs]);
  }
  return nodes.tree(tree);
}

function climbed(to: {total: number[]; self: number[]}, merged: number, weight: number, ends: boolean): void {
  to.total[merged]! += weight;
  if (ends) to.self[merged]! += weight;
}

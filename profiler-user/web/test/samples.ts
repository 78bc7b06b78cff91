// Trees for tests, from samples of both sides; and random ones with what is in them, to count by hand.

import {build, type Frame, type Tree} from "../src/model/tree.ts";

export function frame(name: string, file = "a.py", line = 0): Frame {
  const text = file === "" ? name : line > 0 ? `${name} (${file}:${line})` : `${name} (${file})`;
  return {text, name, kind: "python", origin: "own", file, line, firstLine: 1, module: ""};
}

/** A stack, root first, its samples, and what they were before. */
export interface Sample {
  stack: Frame[];
  now: number;
  before: number;
}

export function treeOf(samples: readonly Sample[], difference = false): Tree {
  const frames: Frame[] = [];
  const index = new Map<string, number>();
  const nodes = {frame: [null] as (number | null)[], parent: [0], total: [0], self: [0]};
  const before = {total: [0], self: [0]};
  const children = new Map<string, number>();
  for (const {stack, now, before: was} of samples) {
    let at = 0;
    nodes.total[0]! += now;
    before.total[0]! += was;
    for (const one of stack) {
      const known = index.get(one.text) ?? frames.push(one) - 1;
      index.set(one.text, known);
      let child = children.get(`${at}/${known}`);
      if (child === undefined) {
        child = nodes.frame.push(known) - 1;
        children.set(`${at}/${known}`, child);
        nodes.parent.push(at);
        for (const list of [nodes.total, nodes.self, before.total, before.self]) list.push(0);
      }
      at = child;
      nodes.total[at]! += now;
      before.total[at]! += was;
    }
    nodes.self[at]! += now;
    before.self[at]! += was;
  }
  return build({frames, nodes, secondsPerSample: 0.05, ...(difference ? {before} : {})});
}

/** Numbers that look random and are the same each time. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Stacks of few functions, so that there is recursion of all kinds. */
export function randomSamples(seed: number, count: number, functions = 5): Sample[] {
  const next = random(seed);
  const pick = (below: number) => Math.floor(next() * below);
  return Array.from({length: count}, () => ({
    stack: Array.from({length: 1 + pick(9)}, () => frame(`f${pick(functions)}`, pick(3) === 0 ? "b.py" : "a.py", 1 + pick(3))),
    now: pick(4),
    before: pick(4),
  }));
}

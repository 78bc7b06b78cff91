// Trees for tests, written as folded stacks.

import {build, type Frame, type Tree} from "../src/model/tree.ts";

/** `name` or `name:origin`; own code if not told. */
export function frame(written: string): Frame {
  const [name = "", origin = "own"] = written.split(":");
  const kind = origin === "kernel" ? "kernel" : origin === "label" ? "process" : "python";
  return {text: `${name} (/app/${name}.py)`, name, kind, origin, file: `/app/${name}.py`, line: 0, firstLine: 1, module: name};
}

/** `["a;b 3", …]`; with `before` the same for the other side of a difference. */
export function tree(stacks: readonly string[], before?: readonly string[]): Tree {
  const frames: Frame[] = [];
  const places = new Map<string, number>();
  const nodes = {frame: [null] as (number | null)[], parent: [0], total: [0], self: [0]};
  const old = {total: [0], self: [0]};
  const children = new Map<string, number>();
  const add = (line: string, side: {total: number[]; self: number[]}) => {
    const [stack = "", count = "0"] = line.split(" ");
    let at = 0;
    side.total[0]! += Number(count);
    for (const written of stack.split(";").filter((part) => part !== "")) {
      if (!places.has(written)) places.set(written, frames.push(frame(written)) - 1);
      const key = `${at};${written}`;
      let child = children.get(key);
      if (child === undefined) {
        child = nodes.frame.push(places.get(written)!) - 1;
        nodes.parent.push(at);
        for (const list of [nodes.total, nodes.self, old.total, old.self]) list.push(0);
        children.set(key, child);
      }
      at = child;
      side.total[at]! += Number(count);
    }
    side.self[at]! += Number(count);
  };
  for (const line of stacks) add(line, nodes);
  for (const line of before ?? []) add(line, old);
  return build({frames, nodes, secondsPerSample: 0.1, ...(before ? {before: old} : {})});
}

/** The stacks of a tree that have samples of their own, as they are written above: to be compared. */
export function folded(of: Tree, side: {self: Float64Array} = of): string[] {
  const lines: string[] = [];
  for (let node = 0; node < of.frame.length; node++) {
    if (side.self[node] === 0) continue;
    const names: string[] = [];
    for (let at = node; at > 0; at = of.parent[at]!) names.push(of.frames[of.frame[at]!]!.name);
    lines.push(`${names.reverse().join(";")} ${side.self[node]!}`);
  }
  return lines.sort();
}

/** The node whose names from the root are these. */
export function at(of: Tree, names: string): number {
  for (let node = 0; node < of.frame.length; node++) {
    const path: string[] = [];
    for (let up = node; up > 0; up = of.parent[up]!) path.push(of.frames[of.frame[up]!]!.name);
    if (path.reverse().join(";") === names) return node;
  }
  throw new Error(`no node ${names}`);
}

/** Small numbers that are the same each time. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** Random stacks, up to so deep, of few functions, so that they recurse and meet. */
export function randomStacks(count: number, seed: number): string[] {
  const next = random(seed);
  const names = ["a", "b", "c:library", "d:kernel", "e:package", "f:unknown", "g:label"];
  return Array.from({length: count}, () => {
    const stack = Array.from({length: 1 + Math.floor(8 * next())}, () => names[Math.floor(names.length * next())]!);
    return `${stack.join(";")} ${1 + Math.floor(5 * next())}`;
  });
}

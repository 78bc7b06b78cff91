// What is said of a box: its numbers and its function. It must not know where it is said.

import {cpu, percent, samples} from "../data/numbers.ts";
import {frameOf, type Tree, type Weights} from "../model/tree.ts";

export interface Details {
  title: string;
  /** Names and values, in the order in which they are asked for. */
  rows: readonly (readonly [string, string])[];
}

const KINDS: Record<string, string> = {
  python: "Python function",
  kernel: "kernel function",
  process: "process",
  thread: "thread",
  interpreter: "interpreter",
  unknown: "unknown: the reason is its name",
  truncated: "deeper callers were cut off",
  pruned: "many small ones together",
};
const ORIGINS: Record<string, string> = {own: "own code", package: "a package", library: "the standard library"};

function share(part: number, whole: number): string {
  return whole > 0 ? percent(part / whole) : "–";
}

function signed(text: string, value: number): string {
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

/** Of a node; `zoomed` is the node that the picture is zoomed to. */
export function details(tree: Tree, node: number, zoomed: number): Details {
  const frame = frameOf(tree, node);
  const rows = tree.before ? changes(tree, tree.before, node) : amounts(tree, node, zoomed);
  if (frame) {
    if (frame.file) rows.push(["file", frame.line > 0 ? `${frame.file}:${frame.line}` : frame.file]);
    if (frame.firstLine > 0) rows.push(["first line", String(frame.firstLine)]);
    if (frame.module) rows.push(["module", frame.module]);
    const origin = ORIGINS[frame.origin];
    rows.push(["kind", `${KINDS[frame.kind] ?? frame.kind}${origin ? ` of ${origin}` : ""}`]);
  }
  return {title: frame ? frame.name || frame.text : "all", rows};
}

function amounts(tree: Tree, node: number, zoomed: number): [string, string][] {
  const {total, self, parent, secondsPerSample} = tree;
  const value = total[node]!;
  const rows: [string, string][] = [
    ["samples", samples(value).replace(/ samples?$/, "")],
    ["CPU time", cpu(value * secondsPerSample)],
    ["of total", share(value, total[0]!)],
  ];
  if (node > 0) rows.push(["of caller", share(value, total[parent[node]!]!)]);
  if (zoomed > 0 && node >= zoomed && node < tree.end[zoomed]!) rows.push(["of the zoomed box", share(value, total[zoomed]!)]);
  const own = self[node]!;
  rows.push(["self", `${samples(own)}, ${cpu(own * secondsPerSample)}, ${share(own, total[0]!)} of total`]);
  return rows;
}

/** A difference: both sides in CPU seconds. */
function changes(tree: Tree, before: Weights, node: number): [string, string][] {
  const side = (of: Weights) => `${cpu(of.total[node]!)}, ${share(of.total[node]!, of.total[0]!)} of total`;
  const by = tree.total[node]! - before.total[node]!;
  const shares = [before, tree].map((of) => (of.total[0]! > 0 ? of.total[node]! / of.total[0]! : 0)) as [number, number];
  const points = 100 * (shares[1] - shares[0]);
  const own = tree.self[node]! - before.self[node]!;
  const relative = before.total[node]! > 0
    ? tree.total[node]! > 0 ? signed(percent(by / before.total[node]!), by) : "gone"
    : "new";
  return [
    ["before", side(before)],
    ["after", side(tree)],
    ["change", `${signed(cpu(by), by)} (${relative}), ${signed(points.toFixed(2), points)} points of total`],
    ["self before", cpu(before.self[node]!)],
    ["self after", `${cpu(tree.self[node]!)} (${signed(cpu(own), own)})`],
  ];
}

/** All of it in one sentence, for those who hear it. */
export function spoken({title, rows}: Details): string {
  return `${title}: ${rows.map(([name, value]) => `${name} ${value}`).join("; ")}.`;
}

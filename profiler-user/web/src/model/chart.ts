// What ran over time: from the API's slices to boxes that go on while the same runs. It must not know how it is drawn.
//
// Within a slice the order is not known: what ran in it stands side by side, by name, as wide as its share. What ends a
// slice and also begins the next is one box.

import type * as schema from "../api/schema.ts";
import {matching} from "./search.ts";
import {frameOfWire} from "./wire.ts";
import type {Frame} from "./tree.ts";

/** Boxes of one depth, by time: arrays of equal length. */
export interface Row {
  /** Unix seconds. */
  from: Float64Array;
  until: Float64Array;
  /** Index in the nodes. */
  node: Int32Array;
  samples: Float64Array;
}

export interface Chart {
  from: number;
  until: number;
  step: number;
  completeSince: number;
  frames: Frame[];
  /** Frame and parent of each node; -1: the root's. */
  frame: Int32Array;
  parent: Int32Array;
  /** By depth; without the root. */
  rows: Row[];
  /** CPUs in each slice. */
  cpus: Float64Array;
  total: {samples: number; cpuSeconds: number};
}

interface Growing {
  from: number[];
  until: number[];
  node: number[];
  samples: number[];
  /** Slice and end, in samples from its left, of the last box; whether that is the slice's end. */
  slice: number;
  atEnd: boolean;
}

/** The chart of an answer about time up to `until`. */
export function chartOf(wire: schema.FlameChart, until: number): Chart {
  const {start_unix_seconds: start, step_seconds: step, nodes, slices} = wire;
  const depth = depths(nodes.parent);
  const rows: Growing[] = [];
  const end = Math.max(Math.min(start + slices.length * step, until), start);
  slices.forEach((slice, number) => {
    const from = start + number * step;
    layOut(slice, {number, from, length: Math.min(step, end - from)}, {parent: nodes.parent, depth}, rows);
  });
  const lengthOf = (i: number) => Math.max(Math.min(step, end - start - i * step), 1);
  return {
    from: start, until: end, step, completeSince: wire.complete_since_unix_seconds,
    frames: wire.frames.map(frameOfWire),
    frame: Int32Array.from(nodes.frame, (frame) => frame ?? -1),
    parent: Int32Array.from(nodes.parent),
    rows: rows.map((row) => ({
      from: Float64Array.from(row.from), until: Float64Array.from(row.until),
      node: Int32Array.from(row.node), samples: Float64Array.from(row.samples),
    })),
    cpus: Float64Array.from(slices, (slice, i) => slice.total.cpu_seconds / lengthOf(i)),
    total: {samples: wire.total.samples, cpuSeconds: wire.total.cpu_seconds},
  };
}

function depths(parent: readonly number[]): Int32Array {
  const depth = new Int32Array(parent.length);
  for (let node = 1; node < parent.length; node++) depth[node] = depth[parent[node]!]! + 1;
  return depth;
}

interface Shape {
  parent: readonly number[];
  depth: Int32Array;
}

/** Puts the boxes of one slice behind those of the slices before. Leaves are in pre-order, so what is below a node is
 *  side by side. */
function layOut(
  slice: schema.ChartSlice,
  time: {number: number; from: number; length: number},
  {parent, depth}: Shape,
  rows: Growing[],
): void {
  const all = slice.samples.reduce((sum, samples) => sum + samples, 0);
  if (all === 0) return;
  const perSample = time.length / all;
  let left = 0;
  slice.node.forEach((leaf, i) => {
    const samples = slice.samples[i]!;
    const right = left + samples;
    for (let node = leaf; node > 0; node = parent[node]!) {
      const row = (rows[depth[node]! - 1] ??= {from: [], until: [], node: [], samples: [], slice: -1, atEnd: false});
      const last = row.node.length - 1;
      const begin = time.from + left * perSample;
      // The same node in this slice is the same box: leaves below it are next to each other, and it may be one itself.
      const goesOn = row.node[last] === node &&
        (row.slice === time.number || (row.slice === time.number - 1 && row.atEnd && left === 0));
      const finish = right === all ? time.from + time.length : time.from + right * perSample;
      if (goesOn) {
        row.until[last] = finish;
        row.samples[last]! += samples;
      } else {
        row.from.push(begin);
        row.until.push(finish);
        row.node.push(node);
        row.samples.push(samples);
      }
      row.slice = time.number;
      row.atEnd = right === all;
    }
    left = right;
  });
}

/** What a search finds in a chart. */
export interface ChartFound {
  /** For each frame whether it matches. */
  frames: Uint8Array;
  /** Samples with a match in their stack. */
  samples: number;
}

export function findInChart(chart: Chart, pattern: RegExp): ChartFound {
  const frames = matching(chart.frames, pattern);
  // Nodes in a stack with a match at or above them: parents come first. What is below a match is counted with it.
  const inside = new Uint8Array(chart.frame.length);
  const outermost = chart.frame.map((frame, node) => {
    const above = node > 0 ? inside[chart.parent[node]!]! : 0;
    const matches = frames[frame] ?? 0;
    inside[node] = above | matches;
    return matches & (above ^ 1);
  });
  let samples = 0;
  for (const {node, samples: counts} of chart.rows) node.forEach((of, box) => (samples += outermost[of]! * counts[box]!));
  return {frames, samples};
}

/** The first box of a row that ends after a moment. */
export function firstAfter(row: Row, at: number): number {
  let [low, high] = [0, row.until.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row.until[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The box at a moment and depth; -1: none. */
export function boxAt(chart: Chart, depth: number, at: number): number {
  const row = chart.rows[depth];
  if (!row) return -1;
  const box = firstAfter(row, at);
  return box < row.from.length && row.from[box]! <= at ? box : -1;
}

/** A node's frame. */
export function frameOfNode(chart: Chart, node: number): Frame | null {
  return chart.frames[chart.frame[node]!] ?? null;
}

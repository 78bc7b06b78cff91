// What ran over time, from slices to boxes.

import assert from "node:assert/strict";
import {test} from "node:test";
import {boxAt, chartOf, findInChart, firstAfter, frameOfNode, type Chart} from "../src/model/chart.ts";
import type * as schema from "../src/api/schema.ts";

const frame = (name: string) => ({text: name, name, kind: "python", origin: "own"});

/** Nodes: 0 root, 1 main, 2 main;a, 3 main;a;c, 4 main;b. Slices: by leaf its samples. */
function chart(slices: Record<number, number>[], until = Infinity): Chart {
  const wire: schema.FlameChart = {
    start_unix_seconds: 100, step_seconds: 10, complete_since_unix_seconds: 0, total: {samples: 0, cpu_seconds: 0},
    frames: ["main", "a", "b", "c"].map(frame),
    nodes: {frame: [null, 0, 1, 3, 2], parent: [0, 0, 1, 2, 1]},
    slices: slices.map((slice) => ({
      node: Object.keys(slice).map(Number), samples: Object.values(slice),
      total: {samples: Object.values(slice).reduce((sum, count) => sum + count, 0), cpu_seconds: 5},
    })),
  };
  return chartOf(wire, until);
}

/** Rows as `name from-until samples`. */
function shown(chart: Chart): string[][] {
  return chart.rows.map((row) => Array.from(row.node, (node, i) =>
    `${frameOfNode(chart, node)!.name} ${row.from[i]!}-${row.until[i]!} ${row.samples[i]!}`));
}

test("what goes on is one box, what changes is another", () => {
  assert.deepEqual(shown(chart([{2: 4}, {2: 6}, {4: 2}, {4: 1}, {2: 1}])), [
    ["main 100-150 14"],
    ["a 100-120 10", "b 120-140 3", "a 140-150 1"],
  ]);
});

test("within a slice boxes are as wide as their share, by name, and only what touches goes on", () => {
  assert.deepEqual(shown(chart([{2: 1, 3: 2, 4: 1}, {4: 2}, {2: 1, 4: 3}])), [
    ["main 100-130 10"],
    ["a 100-107.5 3", "b 107.5-120 3", "a 120-122.5 1", "b 122.5-130 3"],
    // What is in a itself stands first, so that what it calls is next to what comes after.
    ["c 102.5-107.5 2"],
  ]);
});

test("a slice in which nothing ran ends all boxes", () => {
  assert.deepEqual(shown(chart([{4: 1}, {}, {4: 1}])), [["main 100-110 1", "main 120-130 1"], ["b 100-110 1", "b 120-130 1"]]);
  assert.deepEqual(shown(chart([{}, {}])), []);
});

test("a row that is not reached in between begins anew", () => {
  assert.deepEqual(shown(chart([{3: 1}, {2: 1}, {3: 1}]))[2], ["c 100-110 1", "c 120-130 1"]);
});

test("the last slice may be shorter", () => {
  const cut = chart([{4: 1}, {2: 1, 4: 1}], 114);
  assert.deepEqual(shown(cut)[1], ["b 100-110 1", "a 110-112 1", "b 112-114 1"]);
  assert.deepEqual([cut.until, ...cut.cpus], [114, 0.5, 1.25]);
});

test("boxes are found by time", () => {
  const found = chart([{4: 1}, {}, {2: 1, 4: 1}]);
  const row = found.rows[1]!;
  assert.deepEqual([99, 100, 110, 119, 125, 130].map((at) => firstAfter(row, at)), [0, 0, 1, 1, 2, 3]);
  assert.deepEqual([100, 109.9, 110, 120, 124.9, 125, 130].map((at) => boxAt(found, 1, at)), [0, 0, -1, 1, 1, 2, -1]);
  assert.equal(boxAt(found, 7, 100), -1);
});

test("a search counts each sample once, however many of its frames match", () => {
  const whole = chart([{2: 1, 3: 2, 4: 4}, {3: 8}]);
  const samples = (text: string) => findInChart(whole, new RegExp(text)).samples;
  assert.deepEqual(["main", "^a$", "^(a|c)$", "^c$", "^(b|c)$", "x"].map(samples), [15, 11, 11, 10, 14, 0]);
  assert.deepEqual([...findInChart(whole, /^[ab]$/).frames], [0, 1, 1, 0]);
});

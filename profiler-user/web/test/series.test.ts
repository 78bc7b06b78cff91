// Stacked areas.

import assert from "node:assert/strict";
import {test} from "node:test";
import type {Series} from "../src/api/schema.ts";
import {cpus, layerName, meanOf, question, stackOf, stepAt} from "../src/model/series.ts";

const NONE = {samples: 0, cpu_seconds: 0};
const series: Series = {
  start_unix_seconds: 100, step_seconds: 10, points: 3, complete_since_unix_seconds: 105,
  groups: [
    {labels: {service: "shop"}, total: NONE, cpu_seconds: [10, 0, 4], samples: [0, 0, 0]},
    {labels: {service: ""}, total: NONE, cpu_seconds: [5, 0, 1], samples: [0, 0, 0]},
  ],
  other: {groups: 3, total: NONE, cpu_seconds: [5, 0, 5], samples: [0, 0, 0]},
};

test("areas stand on each other, in CPUs; a last step that is cut off is as high as it was", () => {
  const stack = stackOf(series, "service", 125);
  assert.deepEqual(stack.layers.map((layer) => [...layer.values]), [[1, 0, 0.8], [0.5, 0, 0.2], [0.5, 0, 1]]);
  assert.deepEqual(stack.layers.map((layer) => [...layer.top]), [[1, 0, 0.8], [1.5, 0, 1], [2, 0, 2]]);
  assert.deepEqual(stack.layers.map(layerName), ["shop", "(none)", "3 others"]);
  assert.deepEqual([stack.from, stack.until, stack.highest, stack.completeSince], [100, 125, 2, 105]);
  assert.deepEqual([99, 100, 109.9, 110, 124, 125, 200].map((at) => stepAt(stack, at)), [-1, 0, 0, 1, 2, -1, -1]);
  const empty = stackOf({...series, groups: [], other: {...series.other, groups: 0}}, "service", 125);
  assert.deepEqual([empty.layers, empty.highest], [[], 0]);
});

test("means weigh steps by what of them is meant", () => {
  const stack = stackOf(series, "service", 125);
  const all = (from: number, until: number) => meanOf(stack, {from, until}).map((value) => Number(value.toFixed(6)));
  assert.deepEqual(all(100, 110), [1, 0.5, 0.5]);
  assert.deepEqual(all(105, 115), [0.5, 0.25, 0.25]);
  // Only what is known counts: 10 s of 1 CPU and 5 s of 0.8 in 25 s.
  assert.deepEqual(all(0, 1000), [0.56, 0.24, 0.4]);
  assert.deepEqual(all(200, 300), [0, 0, 0]);
});

test("steps of a window that moves begin where they did before", () => {
  const kept = {memory: -1000, stored: null};
  const ask = (from: number, until: number) => question({from, until}, 600, kept, 100_000);
  assert.deepEqual(ask(9101, 10_001), {from: 9100, until: 10_000, points: 450});
  assert.deepEqual(ask(9102, 10_002), {from: 9102, until: 10_002, points: 450});
  assert.deepEqual(ask(1, 11), {from: 1, until: 11, points: 10});
  // Long steps are shown as far as they are.
  assert.deepEqual(ask(1000, 37_010), {from: 960, until: 37_010, points: 301});
});

test("what memory has but for a little is asked of memory, what it has not of the store by its windows", () => {
  const NOW = 10_000;
  const ask = (from: number, until: number, kept: {memory: number; stored: number | null}) => question({from, until}, 600, kept, NOW);
  // Memory is as long as the window, and has lost some of it while the answer was under way.
  assert.deepEqual(ask(9100, 10_000, {memory: 9100, stored: 0}), {from: 9110, until: 10_000, points: 445});
  // Much of it is older, and the store has that: windows of ten seconds, which count where they begin.
  assert.deepEqual(ask(9100, 9999, {memory: 9500, stored: 0}), {from: 9060, until: 9990, points: 465});
  // As much is missing, but the store has no more either.
  assert.deepEqual(ask(9100, 10_000, {memory: 9500, stored: 9490}), {from: 9510, until: 10_000, points: 245});
  assert.deepEqual(ask(9100, 10_000, {memory: 9500, stored: null}), {from: 9510, until: 10_000, points: 245});
  // Memory is younger than a step is long, and younger still.
  const young = (memory: number) => question({from: NOW - 108_000, until: NOW}, 600, {memory, stored: memory}, NOW);
  assert.deepEqual(young(NOW - 50), {from: NOW - 40, until: NOW, points: 1});
  assert.deepEqual(young(NOW - 5), {from: -98_100, until: NOW - 40, points: 361});
  // All of it is older.
  assert.deepEqual(ask(1000, 1900, {memory: 9500, stored: 0}), {from: 960, until: 1920, points: 480});
});

test("CPUs as text", () => {
  assert.deepEqual([0, 0.0123, 0.52, 9.999, 12.34].map(cpus), ["0.00", "0.012", "0.52", "10.00", "12.3"]);
});

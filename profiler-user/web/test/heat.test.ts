// Cells of the heat map.

import assert from "node:assert/strict";
import {test} from "node:test";
import {cellsOf, known, partsFor, samplesIn, spanOfSeconds, squeezed, stalls, strength} from "../src/model/heat.ts";

const heat = (columns: number[][], complete = 0) => cellsOf({
  start_unix_seconds: 100, complete_since_unix_seconds: complete, parts: 2, part_milliseconds: 500,
  samples: columns.flat().reduce((sum, count) => sum + count, 0), most: Math.max(...columns.flat()), columns,
});

test("a second without samples is a stall if all of it is known", () => {
  const cells = heat([[0, 0], [0, 3], [0, 0], [0, 0], [1, 1], [0, 0]], 101);
  assert.deepEqual(Array.from({length: 6}, (_, second) => known(cells, second)),
    ["unknown", "samples", "nothing", "nothing", "samples", "nothing"]);
  assert.deepEqual(stalls(cells), [[2, 3], [5, 5]]);
});

test("what is marked has its samples, whichever end came first", () => {
  const cells = heat([[1, 0], [0, 3], [5, 0]]);
  assert.deepEqual([samplesIn(cells, 0, 1), samplesIn(cells, 2, 1), samplesIn(cells, 1, 1)], [4, 8, 3]);
  assert.deepEqual(spanOfSeconds(cells, 2, 1), {from: 101, until: 103});
});

test("columns that do not fit keep their bursts", () => {
  const cells = heat([[1, 0], [4, 3], [5, 0], [0, 0], [0, 2]]);
  const {counts, each} = squeezed(cells, 3);
  assert.deepEqual([each, [...counts]], [2, [4, 3, 5, 0, 0, 2]]);
  assert.equal(squeezed(cells, 5).each, 1);
  assert.equal(squeezed(cells, 0).each, 5);
});

test("few samples beside many can be seen", () => {
  assert.deepEqual([strength(0, 100), strength(1, 100), strength(100, 100), strength(0, 0)], [0, 0.1, 1, 0]);
});

test("parts are not shorter than the time between two samples", () => {
  assert.deepEqual([0, 1, 19, 20, 49, 99, 100, 999].map(partsFor), [10, 10, 10, 20, 25, 50, 100, 100]);
});

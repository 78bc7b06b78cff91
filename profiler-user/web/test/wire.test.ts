// Trees of the API's answers: what is noise in a difference is known of its frames.

import assert from "node:assert/strict";
import {test} from "node:test";
import type * as schema from "../src/api/schema.ts";
import {functionsOf} from "../src/model/functions.ts";
import {treeOfDifference} from "../src/model/wire.ts";

function difference(line: number | null): schema.Difference {
  const frame = (name: string): schema.Frame => ({text: name, name, kind: "python", origin: "own", file: "a.py", line, first_line: 1, module: "a"});
  const side = {start_unix_seconds: 0, duration_seconds: 60, complete_since_unix_seconds: 0, total: {samples: 100, cpu_seconds: 1}};
  const confidence = (verdict: string): schema.Confidence => ({low: -0.1, high: 0.1, p_corrected: 1, verdict});
  const amounts = {left_self: 0.5, right_self: 0.5, left_total: 0.5, right_total: 0.5, change: 0};
  return {
    left: side, right: side, left_factor: 1, other_functions: 0,
    frames: [frame("f"), frame("g"), frame("h")],
    nodes: {frame: [null, 0, 1, 2], parent: [0, 0, 0, 0], left_total: [1, 0.4, 0.3, 0.3], left_self: [0, 0.4, 0.3, 0.3], right_total: [1, 0.4, 0.3, 0.3], right_self: [0, 0.4, 0.3, 0.3]},
    functions: [
      {...amounts, frame: 0, self_confidence: confidence("noise"), total_confidence: confidence("grew")},
      {...amounts, frame: 1, self_confidence: confidence("grew"), total_confidence: confidence("noise")},
      {...amounts, frame: 2, self_confidence: null, total_confidence: null},
    ],
  };
}

const noise = (answer: schema.Difference) =>
  functionsOf(treeOfDifference(answer)).frames.filter((frame) => frame.withinNoise).map((frame) => frame.name);

test("what is within noise of its own use is known, and nothing else is said to be", () => {
  assert.deepEqual(noise(difference(null)), ["f"]);
});

test("of single lines nothing is said of their function", () => {
  assert.deepEqual(noise(difference(7)), []);
});

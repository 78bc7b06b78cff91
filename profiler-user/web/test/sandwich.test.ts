// Callers and callees, against counting each stack by hand.

import assert from "node:assert/strict";
import {test} from "node:test";
import {functionKey, functionsOf} from "../src/model/functions.ts";
import {sandwich} from "../src/model/sandwich.ts";
import {frameOf, type Tree} from "../src/model/tree.ts";
import {frame, randomSamples, treeOf, type Sample} from "./samples.ts";

/** Each path from below the root, with its weight of its own. */
function ends(tree: Tree, side: Float64Array): Map<string, number> {
  const found = new Map<string, number>();
  for (let node = 0; node < tree.frame.length; node++) {
    if (side[node] === 0) continue;
    const path: string[] = [];
    for (let at = node; at > 0; at = tree.parent[at]!) path.unshift(frameOf(tree, at)!.text);
    found.set(path.join(";"), side[node]!);
  }
  return found;
}

/** The same from the samples: their stacks cut at the outermost occurrence. */
function cut(samples: readonly Sample[], key: string, side: "now" | "before", callers: boolean): Map<string, number> {
  const found = new Map<string, number>();
  for (const sample of samples) {
    const at = sample.stack.findIndex((one) => functionKey(one) === key);
    if (at < 0 || sample[side] === 0) continue;
    const part = callers ? sample.stack.slice(0, at).reverse() : sample.stack.slice(at + 1);
    const path = part.map((one) => one.text).join(";");
    found.set(path, (found.get(path) ?? 0) + sample[side]);
  }
  return found;
}

const sorted = (map: Map<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

test("every sample is in the callers and in the callees once, on both sides", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const samples = randomSamples(seed, 25);
    const tree = treeOf(samples, true);
    const functions = functionsOf(tree);
    functions.keys.forEach((key, at) => {
      const made = sandwich(tree, key)!;
      assert.equal(made.total, functions.total[at]);
      assert.equal(made.before, functions.before!.total[at]);
      for (const [part, callers] of [[made.callers, true], [made.callees, false]] as const) {
        assert.equal(part.total[0], functions.total[at]);
        assert.equal(part.before!.total[0], functions.before!.total[at]);
        assert.deepEqual(sorted(ends(part, part.self)), sorted(cut(samples, key, "now", callers)));
        assert.deepEqual(sorted(ends(part, part.before!.self)), sorted(cut(samples, key, "before", callers)));
        for (let node = 0; node < part.frame.length; node++) {
          let below = part.self[node]!;
          for (let child = node + 1; child < part.end[node]!; child = part.end[child]!) below += part.total[child]!;
          assert.equal(part.total[node], below, "totals are sums");
        }
      }
    });
  }
});

test("the root of both is the function", () => {
  const tree = treeOf([{stack: [frame("main"), frame("f"), frame("g")], now: 1, before: 0}]);
  const made = sandwich(tree, "f (a.py)")!;
  for (const part of [made.callers, made.callees]) assert.equal(frameOf(part, 0)!.name, "f");
  assert.equal(frameOf(made.callers, 1)!.name, "main");
  assert.equal(frameOf(made.callees, 1)!.name, "g");
  assert.equal(made.callees.before, null);
  assert.equal(sandwich(tree, "h (a.py)"), null);
});

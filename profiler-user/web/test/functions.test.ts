// Self and total of functions, against counting by hand.

import assert from "node:assert/strict";
import {test} from "node:test";
import {functionKey, functionsOf, isReason, nameOf} from "../src/model/functions.ts";
import {change, changeOf, largestChange, markOf, sidesOf} from "../src/model/changes.ts";
import {frame, randomSamples, treeOf} from "./samples.ts";

test("a recursion counts once, and lines of a function are one", () => {
  const [main, once, again] = [frame("main", "a.py", 3), frame("f", "a.py", 5), frame("f", "a.py", 6)];
  const tree = treeOf([
    {stack: [main, once, again, once], now: 3, before: 0},
    {stack: [main], now: 2, before: 0},
  ]);
  const functions = functionsOf(tree);
  assert.deepEqual(functions.keys, ["main (a.py)", "f (a.py)"]);
  assert.deepEqual([...functions.self], [2, 3]);
  assert.deepEqual([...functions.total], [5, 3]);
  assert.equal(functions.before, null);
});

test("self and total are what counting each stack says, on both sides", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const samples = randomSamples(seed, 30);
    const functions = functionsOf(treeOf(samples, true));
    functions.keys.forEach((key, at) => {
      const sum = (side: "now" | "before", on: (stack: string[]) => boolean) =>
        samples.reduce((all, sample) => all + (on(sample.stack.map(functionKey)) ? sample[side] : 0), 0);
      assert.equal(functions.total[at], sum("now", (stack) => stack.includes(key)));
      assert.equal(functions.self[at], sum("now", (stack) => stack.at(-1) === key));
      assert.equal(functions.before!.total[at], sum("before", (stack) => stack.includes(key)));
      assert.equal(functions.before!.self[at], sum("before", (stack) => stack.at(-1) === key));
    });
    const all = samples.reduce((sum, {now}) => sum + now, 0);
    assert.equal(functions.self.reduce((sum, value) => sum + value, 0), all);
  }
});

test("processes and threads are no functions, and reasons are said to be some", () => {
  const process = {...frame("process 7 (python)", ""), kind: "process", origin: "label"};
  const reason = {...frame("", ""), text: "[not a Python process]", kind: "unknown", origin: "unknown"};
  const functions = functionsOf(treeOf([{stack: [process, reason], now: 1, before: 0}]));
  assert.deepEqual(functions.keys, ["[not a Python process]"]);
  assert.ok(isReason(functions.frames[0]!) && nameOf(functions.frames[0]!) === "[not a Python process]");
});

test("changes are after less before, and of shares", () => {
  const tree = treeOf([
    {stack: [frame("old")], now: 0, before: 2},
    {stack: [frame("same")], now: 5, before: 2},
    {stack: [frame("fresh")], now: 5, before: 0},
  ], true);
  const functions = functionsOf(tree);
  const sides = sidesOf(tree);
  assert.deepEqual(sides, {before: 4, after: 10});
  assert.deepEqual(functions.keys.map((_, at) => markOf(functions, at)), ["gone", "", "new"]);
  assert.deepEqual(changeOf(functions, "self", 1, sides), {before: 2, after: 5, change: 3, share: 0});
  assert.deepEqual(changeOf(functions, "total", 0, sides), {before: 2, after: 0, change: -2, share: -0.5});
  assert.equal(largestChange(functions, "self"), 5);
  assert.equal(change(0, 1, {before: 0, after: 2}).share, 0.5);
});

// Lines of a file, against counting each stack by hand.

import assert from "node:assert/strict";
import {test} from "node:test";
import {filesOf, linesOf, nextLine, processesOf} from "../src/model/lines.ts";
import {frame, randomSamples, treeOf} from "./samples.ts";

test("self and total of lines are what counting each stack says", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const samples = randomSamples(seed, 30);
    const lines = linesOf(treeOf(samples, true), "a.py");
    for (const [line, used] of lines.of) {
      let [self, total, selfBefore, totalBefore] = [0, 0, 0, 0];
      for (const {stack, now, before} of samples) {
        const is = (one = frame("", "")) => one.file === "a.py" && one.line === line;
        if (stack.some(is)) [total, totalBefore] = [total + now, totalBefore + before];
        if (is(stack.at(-1))) [self, selfBefore] = [self + now, selfBefore + before];
      }
      assert.deepEqual(used, {self, total, selfBefore, totalBefore});
    }
  }
});

test("functions are listed by their first line, and the hottest line is known", () => {
  const f = {...frame("f", "a.py", 12), firstLine: 10};
  const g = {...frame("g", "a.py", 3), firstLine: 2};
  const lines = linesOf(treeOf([{stack: [g, f], now: 4, before: 0}, {stack: [g], now: 1, before: 0}]), "a.py");
  assert.deepEqual(lines.functions.map(({name, self, total}) => [name, self, total]), [["g", 1, 5], ["f", 4, 4]]);
  assert.deepEqual([lines.hottest, lines.last], [12, 12]);
  assert.deepEqual([nextLine(lines, 0, 1), nextLine(lines, 3, 1), nextLine(lines, 12, 1), nextLine(lines, 12, -1)], [3, 12, 0, 3]);
});

test("files by what they use, and the process that has most of one", () => {
  const process = (pid: number) => ({...frame(`process ${pid} (python)`, ""), kind: "process", origin: "label"});
  const tree = treeOf([
    {stack: [process(7), frame("f", "a.py", 1), frame("g", "b.py", 1), frame("f", "a.py", 2)], now: 2, before: 0},
    {stack: [process(8), frame("g", "b.py", 1)], now: 5, before: 0},
    {stack: [process(8), frame("f", "a.py", 1)], now: 1, before: 0},
  ]);
  assert.deepEqual(filesOf(tree).map(({file, self, total}) => [file, self, total]), [["b.py", 5, 7], ["a.py", 3, 3]]);
  assert.deepEqual(processesOf(tree, "a.py"), [{pid: 7, total: 2}, {pid: 8, total: 1}]);
});

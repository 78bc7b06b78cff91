// Which boxes are laid out.

import assert from "node:assert/strict";
import {test} from "node:test";
import {Boxes, deepestBelow, layOut, nodeUnder, type Window} from "../src/model/layout.ts";
import {nodeAt, pathOf} from "../src/model/tree.ts";
import {at, random, randomStacks, tree} from "./trees.ts";

const WHOLE: Window = {from: 0, to: 1, pixels: 1000, top: 0, bottom: 1000, narrowest: 0.75};

function boxesOf(of: ReturnType<typeof tree>, window: Window) {
  const boxes = new Boxes();
  layOut(of, window, boxes);
  return Array.from({length: boxes.count}, (_, i) => ({
    node: boxes.node[i]!, left: boxes.left[i]!, right: boxes.right[i]!, row: boxes.row[i]!,
    end: boxes.end[i]!,
  }));
}

test("boxes are where their samples are", () => {
  const whole = tree(["a;b 6", "a 2", "c 2"]);
  assert.deepEqual(boxesOf(whole, WHOLE), [
    {node: 0, left: 0, right: 1000, row: 0, end: 4},
    {node: at(whole, "a"), left: 0, right: 800, row: 1, end: 3},
    {node: at(whole, "a;b"), left: 0, right: 600, row: 2, end: 3},
    {node: at(whole, "c"), left: 800, right: 1000, row: 1, end: 4},
  ]);
});

test("only what the window shows, of any tree", () => {
  const next = random(7);
  for (let seed = 1; seed <= 30; seed++) {
    const whole = tree(randomStacks(300, seed));
    const from = next() * 0.8;
    const window = {from, to: from + 0.05 + next() * (0.95 - from), pixels: 900, top: Math.floor(3 * next()), bottom: 3 + Math.floor(4 * next()), narrowest: 2 * next()};
    const scale = window.pixels / (window.to - window.from) / whole.width[0]!;
    const expected: number[] = [];
    for (let node = 0; node < whole.frame.length; node++) {
      const left = (whole.start[node]! - window.from * whole.width[0]!) * scale;
      const wide = whole.width[node]! * scale;
      const seen = left < window.pixels && left + wide > 0 && wide >= window.narrowest;
      if (seen && whole.depth[node]! >= window.top && whole.depth[node]! <= window.bottom) expected.push(node);
    }
    assert.deepEqual(boxesOf(whole, window).filter(({node}) => node >= 0).map(({node}) => node), expected);
  }
});

test("narrow neighbours are one box, so that what is there can be seen", () => {
  const stacks = Array.from({length: 10_000}, (_, i) => `f${String(i).padStart(5, "0")};below 1`);
  const [root, all, ...rest] = boxesOf(tree(stacks), {...WHOLE, pixels: 500});
  assert.equal(root!.node, 0);
  assert.ok(all!.node < 0);
  assert.deepEqual([all!.left, Math.round(all!.right)], [0, 500]);
  assert.equal(all!.end, 20_001);
  assert.deepEqual(rest, []);
});

test("what is under the pointer is the box that is drawn there", () => {
  const next = random(3);
  for (let seed = 1; seed <= 20; seed++) {
    const whole = tree(randomStacks(200, seed), seed % 2 === 0 ? randomStacks(100, seed + 1) : undefined);
    for (let i = 0; i < 200; i++) {
      const place = next() * whole.width[0]!;
      const row = Math.floor(10 * next());
      let expected = -1;
      for (let node = 0; node < whole.frame.length; node++) {
        if (whole.depth[node] === row && whole.start[node]! <= place && place < whole.start[node]! + whole.width[node]!) expected = node;
      }
      assert.equal(nodeUnder(whole, place, row), expected);
    }
  }
  assert.equal(nodeUnder(tree(["a 1"]), 1, 0), -1);
});

test("a difference is as wide as its larger side, children never wider than their parents", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const whole = tree(randomStacks(100, seed), randomStacks(100, seed + 50));
    for (let node = 0; node < whole.frame.length; node++) {
      assert.ok(whole.width[node]! >= Math.max(whole.total[node]!, whole.before!.total[node]!));
      let sum = 0;
      for (let child = node + 1; child < whole.end[node]!; child = whole.end[child]!) sum += whole.width[child]!;
      assert.ok(whole.width[node]! >= sum);
    }
  }
});

test("a path leads back to its node; depth below it", () => {
  const whole = tree(["a;b;c 1", "a;d 1"]);
  for (let node = 0; node < whole.frame.length; node++) assert.equal(nodeAt(whole, pathOf(whole, node)), node);
  assert.equal(nodeAt(whole, ["x"]), -1);
  assert.equal(deepestBelow(whole, at(whole, "a;d")), 2);
  assert.equal(deepestBelow(whole, 0), 3);
});

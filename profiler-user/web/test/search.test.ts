// Searching a tree.

import assert from "node:assert/strict";
import {test} from "node:test";
import {compile, find, nextMatch} from "../src/model/search.ts";
import {at, randomStacks, tree} from "./trees.ts";

test("a sample with several matches counts once", () => {
  const whole = tree(["a;b;a 1", "b;a 2", "c 4"], ["a 8"]);
  const found = find(whole, compile("^a ").pattern!);
  assert.equal(found.total, 3);
  assert.equal(found.before, 8);
  assert.equal(found.nodes.length, 3);
  for (const [i, node] of found.nodes.entries()) assert.deepEqual([found.earlier[node], found.earlier[node + 1]], [i, i + 1]);
});

test("random trees: as counted on the stacks", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const stacks = randomStacks(300, seed);
    const expected = stacks.filter((line) => /[ace]/.test(line.replace(/:\w+/g, "").split(" ")[0]!));
    const sum = expected.reduce((all, line) => all + Number(line.split(" ")[1]), 0);
    assert.equal(find(tree(stacks), compile("^[ACE] ").pattern!).total, sum);
  }
});

test("what is no regular expression is said", () => {
  assert.deepEqual(compile(""), {pattern: null, error: ""});
  const {pattern, error} = compile("(a");
  assert.equal(pattern, null);
  assert.match(error, /\(a/);
});

test("next and previous go around", () => {
  const whole = tree(["a;x 1", "b;x 1", "c 1"]);
  const found = find(whole, compile("^x ").pattern!);
  const [first, second] = [at(whole, "a;x"), at(whole, "b;x")];
  assert.equal(nextMatch(found, 0, 1), first);
  assert.equal(nextMatch(found, first, 1), second);
  assert.equal(nextMatch(found, second, 1), first);
  assert.equal(nextMatch(found, first, -1), second);
  assert.equal(nextMatch(find(whole, /nothing/), 0, 1), -1);
});

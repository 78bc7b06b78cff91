// What transforms leave of a tree: the same samples, each where its nearest caller is that is left.

import assert from "node:assert/strict";
import {test} from "node:test";
import {functionKey} from "../src/model/functions.ts";
import {shaped, shapedPath, type Shape} from "../src/model/transform.ts";
import {frameOf, type Tree, type Weights} from "../src/model/tree.ts";
import {at, folded, randomStacks, tree} from "./trees.ts";

const NOTHING: Shape = {hide: [], collapse: false, only: ""};

/** Each total is the node's own and its children's; siblings differ and are in order; the rest of the arrays agrees. */
function sound(of: Tree): void {
  for (const side of [of, of.before].filter((one): one is Tree | Weights => one !== null)) {
    const sums = Float64Array.from(side.self);
    for (let node = of.frame.length - 1; node > 0; node--) sums[of.parent[node]!]! += side.total[node]!;
    assert.deepEqual(sums, side.total);
  }
  for (let node = 0; node < of.frame.length; node++) {
    let last = "";
    for (let child = node + 1; child < of.end[node]!; child = of.end[child]!) {
      const {text} = of.frames[of.frame[child]!]!;
      assert.ok(text > last, `${text} after ${last}`);
      last = text;
    }
  }
}

/** The slow way: on the stacks themselves. */
function byHand(stacks: readonly string[], hide: readonly string[], collapse: boolean): string[] {
  const sums = new Map<string, number>();
  for (const line of stacks) {
    const [stack = "", count = "0"] = line.split(" ");
    let names = stack.split(";").filter((part) => !hide.includes(part.split(":")[1] ?? "own"));
    if (collapse) names = names.filter((name, i) => name !== names[i - 1]);
    const key = names.map((name) => name.split(":")[0]).join(";");
    sums.set(key, (sums.get(key) ?? 0) + Number(count));
  }
  return [...sums].map(([key, count]) => `${key} ${count}`).sort();
}

test("what is hidden gives its samples to its caller, what it calls moves up, equal siblings are one", () => {
  const whole = tree(["a;lib:library;b 2", "a;lib:library 3", "a;b 4", "lib:library 1"]);
  const left = shaped(whole, {...NOTHING, hide: ["library"]});
  assert.deepEqual(folded(left), [" 1", "a 3", "a;b 6"]);
  assert.equal(left.total[0], 10);
  assert.equal(left.total[at(left, "a")], 9);
  assert.equal(left.width[at(left, "a;b")], 6);
  sound(left);
});

test("direct recursion becomes one box, on both sides of a difference", () => {
  const whole = tree(["f;f;f;g 1", "f;f 2", "f;g;f 4"], ["f;f;g 8", "f 16"]);
  const left = shaped(whole, {...NOTHING, collapse: true});
  assert.deepEqual(folded(left), ["f 2", "f;g 1", "f;g;f 4"]);
  assert.deepEqual(folded(left, left.before!), ["f 16", "f;g 8"]);
  sound(left);
});

test("what was left out between two of the same is recursion then", () => {
  const left = shaped(tree(["f;lib:library;f 3"]), {...NOTHING, hide: ["library"], collapse: true});
  assert.deepEqual(folded(left), ["f 3"]);
});

test("random trees: as on the stacks themselves, sums stay", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const stacks = randomStacks(200, seed);
    const before = randomStacks(100, seed + 1000);
    const whole = tree(stacks, before);
    for (const collapse of [false, true]) {
      for (const hide of [[], ["library"], ["kernel", "unknown"], ["library", "package", "kernel", "unknown", "label"]]) {
        const left = shaped(whole, {...NOTHING, hide, collapse});
        assert.deepEqual(folded(left), byHand(stacks, hide, collapse));
        assert.deepEqual(folded(left, left.before!), byHand(before, hide, collapse));
        assert.equal(left.total[0], whole.total[0]);
        sound(left);
      }
    }
  }
});

test("nothing to do is no work", () => {
  const whole = tree(["a 1"]);
  assert.equal(shaped(whole, NOTHING), whole);
});

test("a path leads to the same node in the other shape", () => {
  const whole = tree(["f;f;lib:library;g 1"]);
  const path = ["f", "f", "lib", "g"].map((name) => `${name} (/app/${name}.py)`);
  const shape = {hide: ["library"], collapse: true};
  assert.deepEqual(shapedPath(whole, path, shape), [path[0], path[3]]);
  assert.deepEqual(shapedPath(whole, [...path, "gone"], shape), [path[0], path[3], "gone"]);
});

test("a focus keeps the stacks through a function, whole", () => {
  const whole = tree(["a;b;c 1", "a;b 2", "a;d 4", "b;e 8", "d 16"], ["a;b 32", "d 64"]);
  const left = shaped(whole, {...NOTHING, only: functionKey(frameOf(whole, at(whole, "a;b"))!)});
  assert.deepEqual(folded(left), ["a;b 2", "a;b;c 1", "b;e 8"]);
  assert.deepEqual(folded(left, left.before!), ["a;b 32"]);
  assert.equal(left.total[0], 11);
  assert.equal(left.before!.total[0], 32);
  sound(left);
});

test("a function that is left out still says which stacks are kept", () => {
  const whole = tree(["a;lib:library;b 1", "a;b 2", "lib:library 4"]);
  const only = functionKey(frameOf(whole, at(whole, "a;lib"))!);
  const left = shaped(whole, {...NOTHING, hide: ["library"], only});
  assert.deepEqual(folded(left), [" 4", "a;b 1"]);
  assert.equal(left.total[0], 5);
  sound(left);
});

// Looking closer, and moving.

import assert from "node:assert/strict";
import {test} from "node:test";
import {between, clamped, moved, relative, scaled, WHOLE, within} from "../src/flame/lens.ts";
import {random} from "./trees.ts";

const near = (one: number, other: number) => assert.ok(Math.abs(one - other) < 1e-9, `${one} and ${other}`);

test("a part of a part, and back", () => {
  const outer = {from: 0.2, to: 0.6};
  const part = within(outer, {from: 0.5, to: 0.75});
  near(part.from, 0.4);
  near(part.to, 0.5);
  const back = relative(outer, part);
  near(back.from, 0.5);
  near(back.to, 0.75);
});

test("what is under the pointer stays there", () => {
  const next = random(5);
  for (let i = 0; i < 200; i++) {
    const part = {from: 0.3 + 0.1 * next(), to: 0.5 + 0.1 * next()};
    const at = next();
    const closer = scaled(part, 0.8, at);
    near(closer.from + at * (closer.to - closer.from), part.from + at * (part.to - part.from));
  }
});

test("never out of the whole, never without width", () => {
  assert.deepEqual(clamped({from: -1, to: 5}), WHOLE);
  near(moved({from: 0.8, to: 1}, 10).from, 0.8);
  assert.equal(moved({from: 0.1, to: 0.3}, -10).from, 0);
  let part = WHOLE;
  for (let i = 0; i < 1000; i++) part = scaled(part, 0.5, 1);
  assert.ok(part.to > part.from && part.from >= 0 && part.to <= 1);
});

test("the way begins where it was, ends where it goes, and never leaves what both show", () => {
  const [one, other] = [{from: 0, to: 1}, {from: 0.7, to: 0.71}];
  near(between(one, other, 0).from, 0);
  assert.deepEqual(between(one, other, 1), other);
  let last = 1;
  for (let progress = 0.1; progress < 1; progress += 0.1) {
    const part = between(one, other, progress);
    assert.ok(part.from >= 0 && part.from <= 0.7 && part.to >= 0.71 && part.to <= 1);
    assert.ok(part.to - part.from < last);
    last = part.to - part.from;
  }
  near(between({from: 0, to: 0.5}, {from: 0.5, to: 1}, 0.999999).from, 0.5);
});

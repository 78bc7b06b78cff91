// What is said of a box.

import assert from "node:assert/strict";
import {test} from "node:test";
import {details, spoken} from "../src/flame/details.ts";
import {directionOf, moveFrom} from "../src/flame/move.ts";
import {at, tree} from "./trees.ts";

test("numbers of a box: of all, of its caller, of what is zoomed to, its own", () => {
  const of = tree(["a;b;c 6", "a;b 2", "a 8", "d 4"]);
  const said = details(of, at(of, "a;b"), at(of, "a"));
  assert.equal(said.title, "b");
  const rows = new Map(said.rows);
  assert.equal(rows.get("samples"), "8");
  assert.equal(rows.get("CPU time"), "0.80 s");
  assert.equal(rows.get("of total"), "40.0 %");
  assert.equal(rows.get("of caller"), "50.0 %");
  assert.equal(rows.get("of the zoomed box"), "50.0 %");
  assert.equal(rows.get("self"), "2 samples, 0.20 s, 10.0 % of total");
  assert.equal(rows.get("file"), "/app/b.py");
  assert.equal(rows.get("kind"), "Python function of own code");
  assert.match(spoken(said), /^b: samples 8; CPU time 0\.80 s; /);
  assert.ok(!new Map(details(of, at(of, "d"), at(of, "a")).rows).has("of the zoomed box"));
  assert.equal(details(of, 0, 0).title, "all");
});

test("a difference says before, after and change", () => {
  const of = tree(["a 6", "b 2"], ["a 3", "c 1"]);
  const row = (name: string, field: string) => new Map(details(of, at(of, name), 0).rows).get(field);
  assert.equal(row("a", "before"), "3.00 s, 75.0 % of total");
  assert.match(row("a", "change")!, /^\+3\.00 s \(\+100\.0 %\), 0\.00 points/);
  assert.match(row("b", "change")!, /\(new\), \+25\.00 points/);
  assert.match(row("c", "change")!, /^−1\.00 s \(gone\), −25\.00 points/);
});

test("arrows lead to what is drawn there", () => {
  const of = tree(["a;b 1", "a;c 5", "d 3"]);
  assert.equal(directionOf("ArrowDown", true), "callee");
  assert.equal(directionOf("ArrowDown", false), "caller");
  const node = (names: string) => at(of, names);
  assert.equal(moveFrom(of, 0, "callee", 0), node("a"));
  assert.equal(moveFrom(of, node("a"), "callee", 0), node("a;c"));
  assert.equal(moveFrom(of, node("a;c"), "callee", 0), node("a;c"));
  assert.equal(moveFrom(of, node("a;c"), "left", 0), node("a;b"));
  assert.equal(moveFrom(of, node("a"), "right", 0), node("d"));
  assert.equal(moveFrom(of, node("d"), "right", 0), node("d"));
  assert.equal(moveFrom(of, node("d"), "caller", 0), 0);
  assert.equal(moveFrom(of, 0, "caller", 0), 0);
  assert.equal(moveFrom(of, node("a;c"), "root", 0), 0);
  // Zoomed to a, nothing beside it can be seen; from the root the way leads to it.
  assert.equal(moveFrom(of, node("a"), "right", node("a")), node("a"));
  assert.equal(moveFrom(of, 0, "callee", node("d")), node("d"));
});

// Colours: every text can be read on its fill, differences are symmetrical, and origins can be told apart by those who see
// fewer hues.

import assert from "node:assert/strict";
import {test} from "node:test";
import {contrast, css, inkOn, luminance, oklch, type Rgb} from "../src/flame/colour.ts";
import {changeFill, changeOf, legend, paint} from "../src/flame/paint.ts";
import {COLOURS} from "../src/state/view.ts";
import {at, frame, tree} from "./trees.ts";

const ALL = ["own", "library", "package", "kernel", "label", "unknown"].map((origin) => `x${origin}:${origin} 1`);

test("colours are what others make of the same numbers", () => {
  // From CSS Color 4, section 9.4, and from what browsers show.
  assert.equal(css(oklch(1, 0, 0)), "#ffffff");
  assert.equal(css(oklch(0.6279, 0.2577, 29.23)), "#ff0000");
  assert.equal(css(oklch(0.452, 0.3132, 264.05)), "#0000ff");
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.equal(contrast([119, 119, 119], [255, 255, 255]).toFixed(2), "4.48");
});

test("every text can be read on its fill", () => {
  for (const dark of [false, true]) {
    for (const colour of COLOURS) {
      for (const of of [tree(ALL), tree(ALL, ["xown 4", "gone 3"])]) {
        const painted = paint(of, colour, dark);
        for (const {fill, ink} of painted.styles) assert.ok(contrast(fill, ink) >= 4.5, `${colour} ${css(fill)}`);
        for (const style of painted.of) assert.ok(style < painted.washed);
      }
    }
  }
});

test("black or white can be read on any colour", () => {
  for (let red = 0; red <= 255; red += 15) {
    for (let green = 0; green <= 255; green += 15) {
      for (let blue = 0; blue <= 255; blue += 15) {
        const fill: Rgb = [red, green, blue];
        assert.ok(contrast(fill, inkOn(fill)) >= 4.5);
      }
    }
  }
});

/** As somebody without green cones sees it (Viénot, Brettel and Mollon 1999), in linear light. */
function deuteranope([red, green, blue]: Rgb): Rgb {
  const linear = (value: number) => (value <= 10.3148 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const yellow = 0.29275 * r + 0.70725 * g;
  const byte = (light: number) => 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * Math.max(light, 0) ** (1 / 2.4) - 0.055);
  return [byte(yellow), byte(yellow), byte(-0.02234 * r + 0.02234 * g + b)];
}

test("origins differ also for who does not tell red from green, and in grey the most common ones do", () => {
  for (const dark of [false, true]) {
    const keys = legend(tree(ALL), "origin", dark);
    assert.equal(keys.length, 6);
    for (const [i, one] of keys.entries()) {
      for (const other of keys.slice(i + 1)) {
        const [a, b] = [deuteranope(one.fill), deuteranope(other.fill)];
        const far = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
        assert.ok(far > 25, `${one.name} and ${other.name}: ${far}`);
      }
    }
    const bright = new Map(keys.map(({name, fill}) => [name, luminance(fill)]));
    const order = ["own code", "standard library", "kernel"].map((name) => bright.get(name)!);
    assert.ok(order[0]! > order[1]! + 0.05 && order[1]! > order[2]! + 0.05, String(order));
  }
});

test("a function has the same colour in any tree", () => {
  const [one, other] = [tree(["a;b 1"]), tree(["c;b 7", "d 1"])];
  for (const colour of COLOURS) {
    assert.equal(paint(one, colour, false).of[at(one, "a;b")], paint(other, colour, false).of[at(other, "c;b")]);
  }
});

test("a change of share is symmetrical, whatever both sides weigh", () => {
  const of = tree(["twice 4", "half 1", "same 2", "new 1"], ["twice 4", "half 4", "same 4", "gone 4"]);
  // 8 now and 16 before: shares are 4/8 and 4/16, 1/8 and 4/16, 2/8 and 4/16.
  assert.equal(changeOf(of, at(of, "twice")), 0.5);
  assert.equal(changeOf(of, at(of, "half")), -0.5);
  assert.equal(changeOf(of, at(of, "same")), 0);
  assert.equal(changeOf(of, at(of, "new")), 1);
  assert.equal(changeOf(of, at(of, "gone")), -1);
  const {of: styles} = paint(of, "difference", false);
  const middle = styles[at(of, "same")]!;
  assert.equal(styles[at(of, "twice")]! - middle, middle - styles[at(of, "half")]!);
  for (const dark of [false, true]) {
    const [blue, red] = [changeFill(-1, dark), changeFill(1, dark)];
    assert.ok(blue[2] > blue[0] && red[0] > red[2]);
    assert.ok(Math.abs(luminance(blue) - luminance(red)) < 0.08);
  }
});

test("without another side, a difference has the colours of origins", () => {
  const of = tree(ALL);
  assert.deepEqual(paint(of, "difference", false).of, paint(of, "origin", false).of);
  assert.equal(frame("a:kernel").origin, "kernel");
});

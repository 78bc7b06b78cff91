// Ticks of axes.

import assert from "node:assert/strict";
import {test} from "node:test";
import {timeTicks, valueTicks, type Zone} from "../src/model/axis.ts";

const utc: Zone = () => 0;
/** 2026-01-31 12:00:00 UTC. */
const NOON = 1_769_860_800;

const texts = (ticks: {text: string}[]) => ticks.map(({text}) => text);

test("marks of time are round, in the range, and not too many", () => {
  assert.deepEqual(texts(timeTicks(NOON + 3, NOON + 63, 6, utc)), ["12:00:10", "12:00:20", "12:00:30", "12:00:40", "12:00:50", "12:01:00"]);
  assert.deepEqual(texts(timeTicks(NOON, NOON + 900, 4, utc)), ["12:00", "12:05", "12:10", "12:15"]);
  for (const length of [1, 7, 59, 61, 3599, 86_400, 700_000, 2_700_000, 40_000_000]) {
    const ticks = timeTicks(NOON + 1, NOON + 1 + length, 8, utc);
    assert.ok(ticks.length <= 9, `${length}: ${ticks.length}`);
    assert.ok(length < 60 || ticks.length >= 2, `${length}: ${ticks.length}`);
    for (const {at} of ticks) assert.ok(at >= NOON + 1 && at <= NOON + 1 + length);
  }
  assert.deepEqual(timeTicks(NOON, NOON, 8, utc), []);
  assert.deepEqual(timeTicks(NaN, NOON, 8, utc), []);
});

test("marks are round on the clock of whoever looks, and midnight says the day", () => {
  const india: Zone = () => 19_800;
  const ticks = timeTicks(NOON, NOON + 8 * 3600, 4, india);
  assert.deepEqual(texts(ticks), ["18:00", "20:00", "22:00", "02-01 00:00"]);
  assert.equal(ticks[0]!.at, NOON + 1800);
  // The clock is put forward by an hour at 12:00 UTC: marks stay on whole hours of it.
  const summer: Zone = (at) => (at < NOON ? 3600 : 7200);
  const change = timeTicks(NOON - 4 * 3600, NOON + 5 * 3600, 3, summer);
  assert.deepEqual(change.map(({at, text}) => [(at - NOON) / 3600, text]), [[-4, "09:00"], [-1, "12:00"], [1, "15:00"], [4, "18:00"]]);
});

test("values begin with 0 and reach the highest", () => {
  assert.deepEqual(texts(valueTicks(1.7, 4)), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
  assert.deepEqual(texts(valueTicks(64, 3)), ["0", "50", "100"]);
  assert.deepEqual(texts(valueTicks(0.003, 3)), ["0.000", "0.001", "0.002", "0.003"]);
  for (const highest of [0, 1e-12, 0.1, 0.3, 1, 2, 9.99, 1234]) {
    const ticks = valueTicks(highest, 4);
    assert.ok(ticks.length >= 2 && ticks.length <= 5, `${highest}: ${ticks.length}`);
    assert.ok(ticks.at(-1)!.at >= highest * (1 - 1e-9));
  }
});

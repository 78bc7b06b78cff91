// Times and numbers as they are read and shown.

import assert from "node:assert/strict";
import {test} from "node:test";
import {cpu, percent, samples} from "../src/data/numbers.ts";
import {rangeInWords, seconds, secondsBack} from "../src/data/time.ts";

test("moments are read as the API reads them", () => {
  const now = 1_800_000_000;
  assert.equal(seconds("now", now), now);
  assert.equal(seconds("now-15m", now), now - 900);
  assert.equal(seconds("now-500ms", now), now - 0.5);
  assert.equal(seconds("1795478400", now), 1_795_478_400);
  assert.equal(seconds("1795478400500", now), 1_795_478_400.5);
  assert.equal(seconds("2026-11-24T00:00:00Z", now), 1_795_478_400);
  assert.ok(Number.isNaN(seconds("yesterday", now)));
  assert.ok(Number.isNaN(seconds("", now)));
});

test("ranges in words", () => {
  assert.equal(rangeInWords({from: "now-1m", until: "now"}), "in the last minute");
  assert.equal(rangeInWords({from: "now-15m", until: "now"}), "in the last 15 minutes");
  assert.match(rangeInWords({from: "1795478400", until: "now"}), /^from .* to \d\d:\d\d:\d\d$/);
  assert.equal(secondsBack({from: "now-2h", until: "now"}), 7200);
  assert.equal(secondsBack({from: "now-2h", until: "now-1h"}), null);
});

test("numbers", () => {
  assert.deepEqual([percent(0.5), percent(0.012345), percent(0), percent(-0.02), percent(Number.NaN)],
    ["50.0 %", "1.23 %", "0.0 %", "-2.00 %", "–"]);
  assert.deepEqual([cpu(0), cpu(0.001), cpu(0.05), cpu(1.234), cpu(600), cpu(10_000)],
    ["0 s", "1.00 ms", "50.0 ms", "1.23 s", "10.0 min", "2.8 h"]);
  assert.deepEqual([samples(1), samples(12_345)], ["1 sample", "12,345 samples"]);
});

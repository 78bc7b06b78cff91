// Time from the first instruction of a function to the pixels of its box, while the page follows the present. From
// outside: the program says when, and the page is looked at as it writes the function's name on the canvas; what counts
// is the frame after that. So it includes the wait for the next sample.
//
// Prints JSON: milliseconds, sorted, and how many functions were never seen.

import {spawn} from "node:child_process";
import {createInterface} from "node:readline";
import {join} from "node:path";
import {VIEWER, startAgent, until} from "../e2e/agent.ts";
import {open, startBrowser} from "../e2e/browser.ts";

const [count = "100", frequency = "19"] = process.argv.slice(2);
/** Seconds that it rests and is busy: ten of them are a tenth each of what is seen, wide enough for a name. */
const [PAUSE, BUSY] = ["0.77", "0.3"];

interface Seen {
  __seen: Record<string, number>;
}

/** In the page: notes when a name is first on the screen. */
function watch(): void {
  const seen: Record<string, number> = {};
  (window as unknown as Seen).__seen = seen;
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text: string, ...rest: [number, number, number?]) {
    const name = /^f\d+\b/.exec(text)?.[0];
    // The next frame begins when this one is done.
    if (name && !(name in seen)) {
      seen[name] = Number.NaN;
      requestAnimationFrame(() => (seen[name] = performance.timeOrigin + performance.now()));
    }
    return write.call(this, text, ...rest);
  };
}

const program = spawn("python3", [join(VIEWER, "bench/phases.py"), PAUSE, BUSY], {
  stdio: ["ignore", "pipe", "inherit"], env: {...process.env, SERVICE_NAME: "phases"},
});
const began: number[] = [];
createInterface(program.stdout).on("line", (line) => {
  const [number, time] = line.split(" ").map(Number);
  began[number!] = 1000 * time!;
});
const agent = await startAgent([program], ["-F", frequency]);
const browser = await startBrowser();
try {
  const {page} = await open(browser, "about:blank", {width: 1920});
  await page.addInitScript(watch);
  await page.goto(`${agent.url}/?from=now-10s&l.service=phases`);
  const seen = () => page.evaluate(() => (window as unknown as Seen).__seen);
  await until(async () => Object.values(await seen()).some((time) => time > 0), agent.log, 60);
  // What began before the page was there is not counted, nor the last ones, which may not have had their time.
  const first = began.length + 1;
  const last = first + Number(count);
  await until(() => began.length > last + 3, agent.log, 20 * Number(count));
  const times = await seen();
  const all = Array.from({length: last - first}, (_, i) => (times[`f${first + i}`] ?? Number.NaN) - began[first + i]!);
  const found = all.filter((time) => !Number.isNaN(time)).sort((a, b) => a - b);
  console.log(JSON.stringify({frequency: Number(frequency), milliseconds: found, never: all.length - found.length}));
} finally {
  await browser.close();
  await agent.end();
}

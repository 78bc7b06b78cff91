// How fast flame graphs of the same tree are in the same browser: the viewer's, inferno's SVG, d3-flame-graph.
//
// Of each step two times are taken: from the input to the end of the frame after the one that shows it, which is that of
// two frames (`nothing`) unless some are missed; and how long the page's thread is busy with it, on average. What the
// browser does in other threads, which for SVG is more than for a canvas, is in the first alone. Inputs are events of the
// page, so that no time is spent between programs.
//
// Arguments: a folder with tree.folded and tree.svg. Prints JSON.

import {readFile} from "node:fs/promises";
import {createServer} from "node:http";
import {join} from "node:path";
import {build} from "esbuild";
import type {CDPSession, Page} from "playwright-core";
import {VIEWER} from "../e2e/agent.ts";
import {startBrowser} from "../e2e/browser.ts";

const folder = process.argv[2] ?? ".";
const ROUNDS = 100;
const DEPTH = 6;
const STEPS = ["nothing", "scroll", "zoom", "pan", "click"] as const;
type Step = (typeof STEPS)[number];

interface Point {
  element: Element;
  x: number;
  y: number;
}

interface Bench {
  boxes(): number;
  pointOf(depth: number): Point;
  root(): Point;
  /** It can be moved and looked at closer in small steps. */
  moves: boolean;
}

async function bundle(entry: string): Promise<string> {
  const made = await build({
    absWorkingDir: VIEWER, entryPoints: [`bench/pages/${entry}`], bundle: true, minify: true, write: false, format: "esm",
    outdir: "out", jsx: "automatic", jsxImportSource: "preact", logLevel: "warning",
  });
  const text = (ending: string) => made.outputFiles.find(({path}) => path.endsWith(ending))?.text ?? "";
  return `<!doctype html><meta charset="utf-8"><style>${text(".css")}</style><div id="viewer"></div><script type="module">${text(".js")}</script>`;
}

/** In the page: milliseconds of each round of a step, sorted; none if the picture can't do it. */
async function measure({step, rounds, depth}: {step: Step; rounds: number; depth: number}): Promise<number[]> {
  const {bench} = window as unknown as {bench: Bench};
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const times = async (act: (i: number) => void) => {
    const all: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await frame();
      const began = performance.now();
      act(i);
      await frame();
      await frame();
      all.push(performance.now() - began);
    }
    return all.sort((a, b) => a - b);
  };
  const click = ({element, x, y}: Point) => {
    const at = {bubbles: true, cancelable: true, clientX: x, clientY: y, button: 0};
    element.dispatchEvent(new PointerEvent("pointerdown", {...at, pointerType: "mouse"}));
    element.dispatchEvent(new PointerEvent("pointerup", {...at, pointerType: "mouse"}));
    element.dispatchEvent(new MouseEvent("click", at));
  };
  const root = bench.root();
  const wheel = (change: WheelEventInit) => {
    root.element.dispatchEvent(new WheelEvent("wheel", {bubbles: true, cancelable: true, clientX: 640, clientY: 100, ...change}));
  };
  if (step === "nothing") return times(() => {});
  if (step === "scroll") return times((i) => window.scrollTo(0, i % 2 === 0 ? 200 : 0));
  if (step === "click") {
    const target = bench.pointOf(depth);
    return times((i) => click(i % 2 === 0 ? target : root));
  }
  if (!bench.moves) return [];
  if (step === "zoom") return times((i) => wheel({ctrlKey: true, deltaY: i < rounds / 2 ? -20 : 20}));
  wheel({ctrlKey: true, deltaY: -500});
  const panned = await times((i) => wheel({deltaX: i % 20 < 10 ? 15 : -15}));
  wheel({ctrlKey: true, deltaY: 5000});
  await frame();
  return panned;
}

/** Milliseconds that the page's thread has been busy. */
async function busy(session: CDPSession): Promise<number> {
  const {metrics} = await session.send("Performance.getMetrics");
  return 1000 * (metrics.find((metric) => metric.name === "TaskDuration")?.value ?? Number.NaN);
}

async function run(name: string, address: string) {
  const browser = await startBrowser();
  try {
    const context = await browser.newContext({viewport: {width: 1280, height: 800}, reducedMotion: "reduce"});
    const page: Page = await context.newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(address, {timeout: 120_000});
    if (name === "svg") await page.evaluate(await readFile(join(VIEWER, "bench/pages/svg.mjs"), "utf8"));
    await page.waitForFunction(() => "bench" in window);
    const shown = await page.evaluate(() => new Promise<number>((done) => {
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    }));
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    const boxes = await page.evaluate(() => (window as unknown as {bench: Bench}).bench.boxes());
    const times: Partial<Record<Step, {milliseconds: number[]; busy: number | null}>> = {};
    for (const step of STEPS) {
      // What takes seconds is not done a hundred times.
      const rounds = step === "click" ? 20 : ROUNDS;
      const before = await busy(session);
      const milliseconds = await page.evaluate(measure, {step, rounds, depth: DEPTH});
      times[step] = {milliseconds, busy: milliseconds.length > 0 ? ((await busy(session)) - before) / rounds : null};
    }
    await session.send("HeapProfiler.collectGarbage");
    const {metrics} = await session.send("Performance.getMetrics");
    const heap = metrics.find((metric) => metric.name === "JSHeapUsedSize")?.value ?? 0;
    const {processInfo} = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
    const sizes = await Promise.all(processInfo.filter(({type}) => type === "renderer").map(async ({id}) => {
      const status = await readFile(`/proc/${id}/status`, "utf8");
      return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    }));
    return {name, shown, heap, memory: 1024 * Math.max(0, ...sizes), boxes, ...times};
  } finally {
    await browser.close();
  }
}

const pages = new Map([["/ours", await bundle("ours.tsx")], ["/d3", await bundle("d3.mjs")]]);
const server = createServer(async (request, response) => {
  const page = pages.get(request.url ?? "");
  const type = page ? "text/html" : request.url?.endsWith(".svg") ? "image/svg+xml" : "text/plain";
  const body = page ?? await readFile(join(folder, request.url?.endsWith(".svg") ? "tree.svg" : "tree.folded"));
  response.writeHead(200, {"content-type": type}).end(body);
});
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const address = server.address();
const at = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
const results = [];
for (const [name, path] of [["ours", "/ours"], ["svg", "/tree.svg"], ["d3", "/d3"]] as const) results.push(await run(name, at + path));
server.close();
console.log(JSON.stringify(results));

// The page as a whole: it loads from the agent alone, says what it is doing, and its address says what is seen.

import assert from "node:assert/strict";
import {readFile} from "node:fs/promises";
import {after, before, test} from "node:test";
import type {Browser, Page} from "playwright-core";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {besidesRefusals, open, picture, startBrowser} from "./browser.ts";

let agent: Agent;
let browser: Browser;

before(async () => {
  agent = await startAgent([program("shop.py", [], {SERVICE_NAME: "shop"})]);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

const state = (page: Page, text: string) => page.locator("#state", {hasText: text}).waitFor();
const query = (page: Page) => new URL(page.url()).search;

test("the page loads from the agent alone and goes live", async () => {
  const asked: string[] = [];
  const {page, wrong} = await open(browser, "about:blank");
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(agent.url);
  await state(page, "live");
  assert.equal(await page.locator("#viewer h1").textContent(), "firetower");
  const files = asked.map((url) => url.replace(agent.url, "")).filter((path) => !path.startsWith("/api/v1/"));
  assert.deepEqual(files.filter((path) => !path.startsWith("data:")).sort(), ["/", "/viewer.css", "/viewer.js"]);
  assert.equal(await page.getByRole("button", {name: "Log out"}).count(), 0, "nobody had to log in");
  await picture(page, "shell");
  assert.deepEqual(besidesOrigin(wrong), []);
});

/** A page that was nothing at first has no origin that requests could be of. */
const besidesOrigin = (wrong: readonly string[]) => wrong.filter((text) => !text.startsWith(`request to ${agent.url}`));

test("what the page may do is what it needs", async () => {
  const {page} = await open(browser, agent.url);
  await state(page, "live");
  const outcomes = await page.evaluate(async () => {
    const tried = async (what: () => unknown) => {
      // What a debugger does at once is not held to the policy.
      await new Promise((done) => setTimeout(done));
      try {
        await what();
        return "done";
      } catch (error) {
        return (error as Error).name;
      }
    };
    const inline = document.createElement("script");
    inline.textContent = "document.title = 'ran'";
    document.head.append(inline);
    return {
      code: await tried(() => new Function("return 1")),
      elsewhere: await tried(() => fetch("http://127.0.0.1:1/")),
      title: document.title,
    };
  });
  assert.equal(outcomes.code, "EvalError");
  assert.equal(outcomes.elsewhere, "TypeError");
  assert.notEqual(outcomes.title, "ran");
});

test("script and style are sent once, compressed, with the headers of safety", async () => {
  for (const path of ["/", "/viewer.js", "/viewer.css"]) {
    const {headers} = await fetch(agent.url + path);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/, path);
    assert.match(policy, /frame-ancestors 'none'; base-uri 'none'; form-action 'none'$/, path);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "same-origin", path);
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin", path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
    if (path === "/") assert.equal(headers.get("cache-control"), "no-store");
    else {
      assert.equal(headers.get("cache-control"), "private, no-cache", path);
      assert.match(headers.get("content-encoding") ?? "", /^(gzip|br|zstd|deflate)$/, path);
      const again = await fetch(agent.url + path, {headers: {"if-none-match": headers.get("etag") ?? ""}});
      assert.equal(again.status, 304, path);
    }
  }
});

test("each control is in the address, and the address is what is seen", async () => {
  const {page, wrong} = await open(browser, agent.url);
  await state(page, "live");
  const live = page.getByRole("button", {name: "Live"});
  const compare = page.getByRole("button", {name: "Compare"});
  const range = page.getByLabel("Range");
  const tab = (name: string) => page.getByRole("tab", {name, exact: true});
  const steps: [() => Promise<unknown>, string][] = [
    [() => range.selectOption("5 min"), "?from=now-5m"],
    [() => live.click(), "?from=now-5m&live=0"],
    [() => tab("Top").click(), "?from=now-5m&live=0&pane=top"],
    [() => page.keyboard.press("ArrowRight"), "?from=now-5m&live=0&pane=sandwich"],
    [() => page.keyboard.press("i"), "?from=now-5m&live=0&pane=sandwich&icicle=0"],
    [() => compare.click(), "?from=now-5m&compare=1&pane=sandwich&icicle=0"],
    [() => page.keyboard.press("c"), "?from=now-5m&live=0&pane=sandwich&icicle=0"],
    [() => page.keyboard.press("l"), "?from=now-5m&pane=sandwich&icicle=0"],
    [() => page.keyboard.press("1"), "?from=now-5m&icicle=0"],
    [() => page.getByRole("button", {name: "Timeline"}).click(), "?from=now-5m&timeline=0&icicle=0"],
  ];
  const seen = async () => ({
    range: await range.inputValue(),
    live: await live.getAttribute("aria-pressed"),
    compare: await compare.getAttribute("aria-pressed"),
    pane: await page.getByRole("tab", {selected: true}).textContent(),
  });
  const states = [await seen()];
  for (const [step, address] of steps) {
    await step();
    assert.equal(query(page), address);
    states.push(await seen());
  }
  assert.deepEqual(states.at(-1), {range: "now-5m", live: "true", compare: "false", pane: "Flame graph"});
  for (let at = states.length - 2; at >= 0; at--) {
    await page.goBack();
    assert.deepEqual(await seen(), states[at], `back at step ${at}`);
    if (at % 3 !== 0) continue;
    await page.reload();
    await page.locator("#viewer header").waitFor();
    assert.deepEqual(await seen(), states[at], `step ${at}, loaded again`);
  }
  assert.equal(query(page), "");
  await page.goForward();
  assert.equal(query(page), "?from=now-5m");
  assert.deepEqual(await seen(), states[1]);
  assert.deepEqual(wrong, []);
});

test("keys lead everywhere and are listed", async () => {
  const {page, wrong} = await open(browser, agent.url);
  await state(page, "live");
  const panes = ["Flame graph", "Top", "Sandwich", "Flame chart", "Heat map", "Source", "Processes"];
  for (const [at, name] of panes.entries()) {
    await page.keyboard.press(String(at + 1));
    assert.equal(await page.getByRole("tab", {selected: true}).textContent(), name);
    assert.equal(await page.getByRole("tabpanel").getAttribute("aria-labelledby"), await page.getByRole("tab", {selected: true}).getAttribute("id"));
  }
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", {name: "Keys"});
  await help.waitFor();
  assert.ok((await help.textContent())?.includes("follow the present"));
  const before = query(page);
  await page.keyboard.press("Escape");
  await help.waitFor({state: "detached"});
  assert.equal(query(page), before, "the key that closes it does nothing else");
  await page.keyboard.press("1");
  await page.getByRole("searchbox").waitFor();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "search");
  await page.keyboard.type("l/?1");
  const typed = new URLSearchParams(query(page));
  assert.equal(typed.get("search"), "l/?1", "keys go to what is typed into");
  assert.deepEqual([typed.get("live"), typed.get("pane")], [null, null]);
  assert.deepEqual(wrong, []);
});

test("a narrow page scrolls down only", async () => {
  const {page, wrong} = await open(browser, agent.url, {width: 390, height: 800});
  await state(page, "live");
  for (let pane = 1; pane <= 7; pane++) {
    await page.keyboard.press(String(pane));
    await page.getByRole("tab", {selected: true}).waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `pane ${pane} is ${width} wide`);
  }
  await page.keyboard.press("1");
  await picture(page, "shell-narrow");
  assert.deepEqual(wrong, []);
});

test("what is exported is a file of its kind", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?l.service=shop`);
  await state(page, "live");
  await until(async () => (await (await fetch(`${agent.url}/flamegraph.folded`)).text()).includes("handle_request"), agent.log);
  await page.getByText("Export", {exact: true}).click();
  await picture(page, "shell-export");
  const json = (bytes: Buffer) => JSON.parse(bytes.toString()) as Record<string, unknown>;
  const kinds: [string, string, (bytes: Buffer) => boolean][] = [
    ["This page as a file", "firetower.html", (bytes) => /^<!doctype html>/i.test(bytes.toString())],
    ["SVG", "firetower.svg", (bytes) => bytes.includes("<svg") && bytes.includes("handle_request")],
    ["Folded stacks", "firetower.folded", (bytes) => /handle_request.* \d+$/m.test(bytes.toString())],
    ["pprof", "firetower.pb.gz", (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b],
    ["speedscope", "firetower.speedscope.json", (bytes) => "profiles" in json(bytes)],
    ["Firefox Profiler", "firetower.gecko.json", (bytes) => "meta" in json(bytes) && "threads" in json(bytes)],
    ["JSON", "firetower.json", (bytes) => "nodes" in json(bytes)],
  ];
  for (const [name, file, is] of kinds) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name, exact: true}).click()]);
    assert.equal(download.suggestedFilename(), file);
    const bytes = await readFile(await download.path());
    assert.ok(is(bytes), `${name}: ${bytes.subarray(0, 100).toString()}`);
  }
  assert.deepEqual(wrong, []);
});

test("nothing to see is said, and why", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?l.service=nothing-is-called-so`);
  await page.getByText("No CPU was used by what the filters select in the last minute. Waiting.").waitFor();
  await picture(page, "shell-empty");
  assert.deepEqual(wrong, []);
});

test("an address that asks for the impossible is answered with what to do", async () => {
  for (const [address, path] of [
    ["?from=yesterday", "/api/v1/profile?from=yesterday&until=now"],
    ["?from=now-1m&l.a-b=x", `/api/v1/live?query=${encodeURIComponent('{a-b="x"}')}`],
  ] as const) {
    const answer = await fetch(agent.url + path);
    assert.equal(answer.status, 400, path);
    const {error, hint} = (await answer.json()) as {error: string; hint: string};
    const {page, wrong} = await open(browser, `${agent.url}/${address}`);
    const notice = page.locator("main > .notice.bad");
    await notice.waitFor();
    const said = (await notice.textContent()) ?? "";
    assert.ok(said.includes(error) && said.includes(hint), `${said}\n${error}\n${hint}`);
    assert.deepEqual(besidesRefusals(wrong), []);
  }
});

test("an agent that goes is missed, and found again when it is back", async () => {
  const {page, wrong} = await open(browser, agent.url);
  await state(page, "live");
  await page.locator("#pane:not(.stale)").waitFor();
  await agent.kill();
  await page.getByText("The agent does not answer. Trying again. What you see is from before.").waitFor();
  await state(page, "agent gone");
  await picture(page, "shell-gone");
  await agent.restart();
  await state(page, "live");
  await page.locator(".notice", {hasText: "does not answer"}).waitFor({state: "hidden"});
  await page.locator("#pane:not(.stale)").waitFor();
  assert.deepEqual(besidesRefusals(wrong), []);
});

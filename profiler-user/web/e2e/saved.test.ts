// A page that was saved: it opens from the disk, shows the profile that is inside, and asks nobody for anything.

import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import type {Browser, Page} from "playwright-core";
import {program, startAgent, until, VIEWER, type Agent} from "./agent.ts";
import {picture, startBrowser} from "./browser.ts";

const HOSTILE = '</script><img src=x onerror="document.title=1"><!--<script>';
let agent: Agent;
let browser: Browser;
let folder: string;
let pid: number;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "viewer-saved-"));
  const hostile = program("hostile.py");
  pid = hostile.pid!;
  agent = await startAgent([hostile, program("shop.py", [], {SERVICE_NAME: "shop"})], ["-F", "199"]);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await agent?.end();
  if (folder) rmSync(folder, {recursive: true});
});

/** Opens a file from the disk, with all that goes wrong: any request but for the file itself, and any error. */
async function openFile(file: string): Promise<{page: Page; wrong: string[]}> {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, offline: true});
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`file://${file}`) && !request.url().startsWith("data:")) wrong.push(`request to ${request.url()}`);
  });
  await page.goto(`file://${file}`);
  return {page, wrong};
}

async function save(path: string, name: string): Promise<string> {
  const file = join(folder, name);
  let said = "";
  await until(async () => {
    const answer = await fetch(agent.url + path);
    const text = await answer.text();
    said = `${answer.status} ${text.slice(0, 200)}`;
    if (!answer.ok || !text.includes("onerror")) return false;
    assert.match(answer.headers.get("content-disposition") ?? "", /^attachment/);
    writeFileSync(file, text);
    return true;
  }, () => said);
  return file;
}

/** Every pane of a saved page, by click; each leaves no error. */
async function walk(page: Page): Promise<void> {
  for (const pane of ["Top", "Sandwich", "Flame"]) {
    await page.getByRole("tab", {name: new RegExp(pane, "i")}).first().click();
    assert.equal(await page.locator("#pane").count(), 1);
  }
  assert.equal(await page.locator("img").count(), 0, "names are text");
  assert.doesNotMatch(await page.title(), /^1$/, "and run nothing");
}

test("a saved profile opens from the disk", async () => {
  const file = await save("/api/v1/profile?seconds=60&least_share=0&format=html", "profile.html");
  const {page, wrong} = await openFile(file);
  await page.locator("#pane").waitFor();
  const inside = await page.locator("#firetower-profile").textContent();
  assert.ok(JSON.parse(inside ?? "").frames.some((frame: {name: string}) => frame.name === HOSTILE));
  await walk(page);
  await picture(page, "saved");
  assert.deepEqual(wrong, []);
});

test("a saved comparison opens from the disk", async () => {
  const path = "/api/v1/diff?left_from=now-1m&left_until=now&right_from=now-1m&right_until=now&format=html";
  const {page, wrong} = await openFile(await save(path, "diff.html"));
  await page.locator("#pane").waitFor();
  await walk(page);
  assert.deepEqual(wrong, []);
});

test("a recording is such a page too", async () => {
  const file = join(folder, "record.html");
  const binary = process.env.FIRETOWER ?? join(VIEWER, "../../target/debug/firetower");
  execFileSync(binary, ["record", "-p", String(pid), "-d", "1", "-o", file], {stdio: "ignore"});
  assert.ok(readFileSync(file, "utf8").includes("onerror"));
  const {page, wrong} = await openFile(file);
  await page.locator("#pane").waitFor();
  await walk(page);
  assert.deepEqual(wrong, []);
});

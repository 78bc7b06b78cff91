// The page as a whole: it loads at once, from the agent alone, and says what it is doing.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import type {Browser} from "playwright-core";
import {program, startAgent, type Agent} from "./agent.ts";
import {open, picture, startBrowser} from "./browser.ts";

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

test("the page loads from the agent alone and goes live", async () => {
  const {page, wrong} = await open(browser, agent.url);
  await page.getByText("live", {exact: true}).waitFor();
  assert.equal(await page.locator("#viewer h1").textContent(), "firetower");
  await picture(page, "shell");
  assert.deepEqual(wrong, []);
});

// With a token: the page leads to the login and back, and after the logout nothing is seen any more, in no tab.

import assert from "node:assert/strict";
import {chmodSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import type {Browser} from "playwright-core";
import type {ServiceStatus} from "../src/api/schema.ts";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {besidesRefusals, open, picture, startBrowser} from "./browser.ts";

const TOKEN = "correct-horse-battery-staple";

let folder: string;
let agent: Agent;
let browser: Browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "viewer-token-"));
  const file = join(folder, "token");
  writeFileSync(file, TOKEN);
  chmodSync(file, 0o400);
  agent = await startAgent([program("shop.py", [], {SERVICE_NAME: "shop"})], ["--token-file", file]);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await agent?.end();
  rmSync(folder, {recursive: true});
});

async function status(): Promise<ServiceStatus> {
  const answer = await fetch(`${agent.url}/api/v1/status`, {headers: {authorization: `Bearer ${TOKEN}`}});
  return (await answer.json()) as ServiceStatus;
}

test("a person logs in, looks, and logs out", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?from=now-5m&pane=top`);
  assert.equal(new URL(page.url()).pathname, "/login", "nothing is shown before");
  await picture(page, "login");
  const token = page.getByLabel("Token");
  await token.fill("wrong-horse-battery-staple");
  await page.getByRole("button", {name: "Log in"}).click();
  await page.getByRole("alert").getByText("This is not the token.").waitFor();
  await token.fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#state", {hasText: "live"}).waitFor();
  assert.equal(new URL(page.url()).search, "?from=now-5m&pane=top", "what was wanted at first is seen");

  const other = await page.context().newPage();
  await other.goto(agent.url);
  await other.locator("#state", {hasText: "live"}).waitFor();
  await until(async () => (await status()).live_streams.open === 2, agent.log);

  await page.getByRole("button", {name: "Log out"}).click();
  await page.waitForURL(`${agent.url}/login`);
  await until(async () => (await status()).live_streams.open === 0, agent.log);
  await other.waitForURL((url) => url.pathname === "/login");
  await page.goto(agent.url);
  assert.equal(new URL(page.url()).pathname, "/login");
  assert.equal((await page.context().cookies()).length, 0);
  assert.deepEqual(besidesRefusals(wrong), []);
});

test("a session that ended elsewhere ends the stream of a page that nobody looks at", async () => {
  const {page} = await open(browser, agent.url);
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#state", {hasText: "live"}).waitFor();
  await until(async () => (await status()).live_streams.open === 1, agent.log);
  // Only the stream is left: what the page would ask besides is not answered.
  const [cookie] = await page.context().cookies();
  await page.context().route("**/api/v1/**", (route) => route.abort());
  const headers = {cookie: `${cookie!.name}=${cookie!.value}`, origin: agent.url};
  const out = await fetch(`${agent.url}/logout`, {method: "POST", headers, redirect: "manual"});
  assert.equal(out.status, 303);
  await until(async () => (await status()).live_streams.open === 0, agent.log);
});

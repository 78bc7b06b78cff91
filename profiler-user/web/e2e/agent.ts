// A real agent with real programs to look at, for the tests in a real browser.

import {type ChildProcess, execFileSync, spawn} from "node:child_process";
import {chmodSync, cpSync, mkdtempSync, readdirSync, rmSync} from "node:fs";
import {createServer} from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";

/** The viewer's folder; the test runner sets it. */
export const VIEWER = process.env.VIEWER ?? ".";
const ROOT = join(VIEWER, "../..");

export interface Agent {
  url: string;
  /** What it says of itself. */
  log(): string;
  /** Ends it and all that was started with it. */
  end(): Promise<void>;
  kill(): Promise<void>;
  /** Starts it again at the same address, with the same store. */
  restart(): Promise<void>;
}

/** Waits until something is so, and fails with what `state` says if it never is. */
export async function until(what: () => Promise<boolean> | boolean, state: () => string = () => "", seconds = 60): Promise<void> {
  const end = Date.now() + 1000 * seconds;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`it never came: ${what.toString()}\n${state()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) done();
    else child.once("exit", () => done());
  });
}

const PYTHON = execFileSync("sh", ["-c", "command -v python3"]).toString().trim();

let open = "";

/** Where a file of `e2e/programs` is that every user of the machine may read, wherever the checkout is: without a token
 *  the agent shows no other source files. */
function programPath(name: string): string {
  if (open === "") {
    // As `/tmp` may be its owner's alone.
    open = mkdtempSync("/var/tmp/viewer-");
    process.on("exit", () => rmSync(open, {recursive: true}));
    const programs = join(open, "programs");
    cpSync(join(VIEWER, "e2e", "programs"), programs, {recursive: true});
    for (const folder of [open, programs]) chmodSync(folder, 0o755);
    for (const file of readdirSync(programs)) chmodSync(join(programs, file), 0o644);
  }
  return join(open, "programs", name);
}

/** A Python program that runs until it is ended: a file of `e2e/programs`. */
export function program(name: string, args: readonly string[] = [], environment: Record<string, string> = {}): ChildProcess {
  return spawn(PYTHON, [programPath(name), ...args], {stdio: "ignore", env: {...process.env, ...environment}});
}

/** An agent that is ready, beside programs that run until its end. */
export async function startAgent(programs: readonly ChildProcess[], args: readonly string[] = []): Promise<Agent> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const store = mkdtempSync(join(tmpdir(), "viewer-store-"));
  const binary = process.env.FIRETOWER ?? join(ROOT, "target/debug/firetower");
  let log = "";
  const start = async () => {
    const command = ["serve", "--listen", `127.0.0.1:${port}`, "--store", store, ...args];
    const child = spawn(binary, command, {stdio: ["ignore", "pipe", "pipe"]});
    child.stdout.on("data", (data) => (log += data));
    child.stderr.on("data", (data) => (log += data));
    const ready = async () => {
      if (child.exitCode !== null) throw new Error(`firetower ended with ${child.exitCode}: ${log}`);
      return fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
    };
    await until(ready, () => log);
    return child;
  };
  let agent = await start();
  const kill = async () => {
    agent.kill("SIGTERM");
    await ended(agent);
  };
  return {
    url,
    log: () => log,
    kill,
    restart: async () => {
      agent = await start();
    },
    end: async () => {
      await kill();
      for (const child of programs) child.kill("SIGKILL");
      await Promise.all(programs.map(ended));
      rmSync(store, {recursive: true});
    },
  };
}

// Runs the tests of a folder: each *.test.ts is bundled for Node and given to its test runner.

import {spawn} from "node:child_process";
import {mkdtemp, readdir, rm} from "node:fs/promises";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const [folder = "test", ...names] = process.argv.slice(2);
const all = (await readdir(join(here, folder))).filter((name) => /\.test\.tsx?$/.test(name));
const wanted = all.filter((name) => names.length === 0 || names.some((part) => name.includes(part))).sort();
if (wanted.length === 0) throw new Error(`no tests in ${folder} match ${names.join(" ")}`);
// Inside the folder, so that packages are found from there.
const out = await mkdtemp(join(here, "node_modules", ".tests-"));
try {
  await build({
    absWorkingDir: here,
    entryPoints: wanted.map((name) => join(folder, name)),
    outdir: out,
    outExtension: {".js": ".mjs"},
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node18",
    sourcemap: "inline",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: {".css": "empty"},
    logLevel: "warning",
  });
  const files = wanted.map((name) => join(out, name.replace(/\.tsx?$/, ".mjs")));
  // One after the other: each starts agents and browsers of its own.
  const arguments_ = ["--enable-source-maps", "--test", "--test-concurrency=1", "--test-reporter=spec", ...files];
  const runner = spawn(process.execPath, arguments_, {stdio: "inherit", cwd: here, env: {...process.env, VIEWER: here}});
  process.exitCode = await new Promise((done) => runner.on("exit", (code) => done(code ?? 1)));
} finally {
  await rm(out, {recursive: true});
}

// Runs a measurement: bundles it for Node, as test.mjs does with tests, and passes the arguments on.

import {spawn} from "node:child_process";
import {mkdtemp, rm} from "node:fs/promises";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

const viewer = dirname(dirname(fileURLToPath(import.meta.url)));
const [name, ...rest] = process.argv.slice(2);
const out = await mkdtemp(join(viewer, "node_modules", ".bench-"));
try {
  await build({
    absWorkingDir: viewer,
    entryPoints: [`bench/${name}.ts`],
    outdir: out,
    outExtension: {".js": ".mjs"},
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node18",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const words = ["--enable-source-maps", join(out, `${name}.mjs`), ...rest];
  const child = spawn(process.execPath, words, {stdio: "inherit", cwd: viewer, env: {...process.env, VIEWER: viewer}});
  process.exitCode = await new Promise((done) => child.on("exit", (code) => done(code ?? 1)));
} finally {
  await rm(out, {recursive: true});
}

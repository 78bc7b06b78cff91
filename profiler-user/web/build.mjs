// Builds dist/ from src/: one script and one style sheet, which the agent has inside. With --verify it builds elsewhere
// and compares: what is in the tree must be what the sources make.
//
// The types of the API's answers come from docs/openapi.json (see schema.mjs), so that the viewer can't ask for what is
// not described.

import {mkdtemp, readFile, rm, writeFile} from "node:fs/promises";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";
import {build} from "esbuild";
import {typesOf} from "./schema.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(here, ...parts);

async function bundle(outdir) {
  await build({
    absWorkingDir: here,
    entryPoints: {viewer: "src/main.tsx"},
    outdir,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    charset: "utf8",
    logLevel: "warning",
  });
}

const schema = typesOf(JSON.parse(await readFile(at("../../docs/openapi.json"), "utf8")));
const files = ["viewer.js", "viewer.css"];
/** Most bytes of the first load: what somebody waits for who opens the page far away, compressed as well as gzip can. */
const MOST_BYTES = 150_000;

async function firstLoad() {
  const paths = [at("index.html"), ...files.map((file) => at("dist", file))];
  const bytes = await Promise.all(paths.map(async (path) => gzipSync(await readFile(path), {level: 9}).length));
  const sum = bytes.reduce((one, other) => one + other, 0);
  console.log(`first load: ${sum} bytes gzipped (${bytes.join(" + ")}), at most ${MOST_BYTES}`);
  if (sum > MOST_BYTES) process.exitCode = 1;
}

if (process.argv.includes("--verify")) {
  const elsewhere = await mkdtemp(join(tmpdir(), "viewer-"));
  try {
    await bundle(elsewhere);
    const pairs = [[schema, at("src/api/schema.ts")]];
    for (const file of files) pairs.push([await readFile(join(elsewhere, file), "utf8"), at("dist", file)]);
    for (const [made, path] of pairs) {
      if (made !== await readFile(path, "utf8")) {
        console.error(`${path} is not what its sources make: run \`cargo xtask web build\` and commit it`);
        process.exitCode = 1;
      }
    }
  } finally {
    await rm(elsewhere, {recursive: true});
  }
} else {
  await writeFile(at("src/api/schema.ts"), schema);
  await bundle(at("dist"));
}
await firstLoad();

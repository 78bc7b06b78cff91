// Builds dist/ from src/: one script and one style sheet, which the agent has inside. With --verify it builds elsewhere
// and compares: what is in the tree must be what the sources make.
//
// The types of the API's answers come from docs/openapi.json (see schema.mjs), so that the viewer can't ask for what is
// not described.

import {mkdtemp, readFile, rm, writeFile} from "node:fs/promises";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
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

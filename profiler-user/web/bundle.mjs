// Bundles programs of the viewer's folder for Node and runs something with them: tests, and measurements. It must not know
// what they do.

import {spawn} from "node:child_process";
import {mkdtemp, rm} from "node:fs/promises";
import {basename, dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

/** The viewer's folder. */
export const VIEWER = dirname(fileURLToPath(import.meta.url));

/** Bundles files (paths within the folder) and runs Node with the words that `words` makes of the bundles' paths. The
 *  process ends as that one does. */
export async function run(files, words) {
  // Inside the folder, so that packages are found from there.
  const out = await mkdtemp(join(VIEWER, "node_modules", ".bundle-"));
  try {
    await build({
      absWorkingDir: VIEWER,
      entryPoints: files,
      outdir: out,
      outExtension: {".js": ".mjs"},
      entryNames: "[name]",
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
    const bundles = files.map((file) => join(out, basename(file).replace(/\.tsx?$/, ".mjs")));
    const child = spawn(process.execPath, ["--enable-source-maps", ...words(bundles)], {
      stdio: "inherit", cwd: VIEWER, env: {...process.env, VIEWER},
    });
    process.exitCode = await new Promise((done) => child.on("exit", (code) => done(code ?? 1)));
  } finally {
    await rm(out, {recursive: true});
  }
}

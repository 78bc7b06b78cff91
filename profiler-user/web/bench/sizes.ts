// Bytes of a script that has a library and nothing else, as this viewer's is built: what a page has to load for it. Prints
// JSON: minified, and that compressed as well as gzip can.

import {readFile} from "node:fs/promises";
import {join} from "node:path";
import {gzipSync} from "node:zlib";
import {build} from "esbuild";
import {VIEWER} from "../e2e/agent.ts";

const LIBRARIES: readonly [string, string][] = [
  ["preact with hooks", 'export * from "preact"; export * from "preact/hooks"; export * from "preact/jsx-runtime";'],
  ["react-dom", 'export * from "react"; export * from "react-dom/client"; export * from "react/jsx-runtime";'],
  ["d3-flame-graph with d3-selection", 'export {default} from "d3-flame-graph"; export * from "d3-selection";'],
  ["d3", 'export * from "d3";'],
  ["uPlot", 'export {default} from "uplot";'],
];

async function bytesOf(source: string): Promise<Uint8Array> {
  const made = await build({
    stdin: {contents: source, resolveDir: join(VIEWER, "bench")}, bundle: true, minify: true, write: false, format: "esm",
    target: ["es2022"], legalComments: "none", define: {"process.env.NODE_ENV": '"production"'}, loader: {".css": "empty"}, logLevel: "warning",
  });
  return made.outputFiles[0]!.contents;
}

const rows: [string, Uint8Array][] = [["this viewer, all of it", await readFile(join(VIEWER, "dist/viewer.js"))]];
for (const [name, source] of LIBRARIES) rows.push([name, await bytesOf(source)]);
console.log(JSON.stringify(rows.map(([name, bytes]) => ({name, minified: bytes.length, gzipped: gzipSync(bytes, {level: 9}).length}))));

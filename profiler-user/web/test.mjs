// Runs the tests of a folder: each *.test.ts is bundled for Node and given to its test runner.

import {readdir} from "node:fs/promises";
import {join} from "node:path";
import {run, VIEWER} from "./bundle.mjs";

const [folder = "test", ...names] = process.argv.slice(2);
const all = (await readdir(join(VIEWER, folder))).filter((name) => /\.test\.tsx?$/.test(name));
const wanted = all.filter((name) => names.length === 0 || names.some((part) => name.includes(part))).sort();
if (wanted.length === 0) throw new Error(`no tests in ${folder} match ${names.join(" ")}`);
// One after the other: each starts agents and browsers of its own.
const options = ["--test", "--test-concurrency=1", "--test-reporter=spec"];
await run(wanted.map((name) => join(folder, name)), (bundles) => [...options, ...bundles]);

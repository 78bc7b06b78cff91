// Runs a measurement, and passes the arguments on to it.

import {run} from "../bundle.mjs";

const [name, ...rest] = process.argv.slice(2);
await run([`bench/${name}.ts`], (bundles) => [...bundles, ...rest]);

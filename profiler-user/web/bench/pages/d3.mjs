// d3-flame-graph of the same tree, without its animation, which would only make it look slower.

import {select} from "d3-selection";
import flamegraph from "d3-flame-graph";
import {nested} from "../folded.ts";

const root = nested(await (await fetch("tree.folded")).text());
const chart = flamegraph().width(window.innerWidth - 20).cellHeight(18).transitionDuration(0).inverted(true).minFrameSize(0);
select("#viewer").datum(root).call(chart);

function pointOf(depth) {
  const shown = [...document.querySelectorAll("#viewer g")].filter((g) => g.__data__?.depth === depth);
  const element = shown.reduce((one, other) => (other.__data__.value > one.__data__.value ? other : one));
  return {element, x: 0, y: 0};
}

window.bench = {boxes: () => document.querySelectorAll("#viewer g[class^=frame]").length, pointOf, root: () => pointOf(0), moves: false};

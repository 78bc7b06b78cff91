// The viewer's flame graph of a tree, and nothing else on the page.

import {render} from "preact";
import {useState} from "preact/hooks";
import "../../src/style.css";
import {Flame} from "../../src/flame/Flame.tsx";
import {build, type Frame, type Path} from "../../src/model/tree.ts";
import {nested, type Nested} from "../folded.ts";

function treeOf(root: Nested) {
  const frames: Frame[] = [];
  const byName = new Map<string, number>();
  const nodes = {frame: [] as (number | null)[], parent: [] as number[], total: [] as number[], self: [] as number[]};
  const add = (node: Nested, parent: number) => {
    const at = nodes.frame.length;
    let frame: number | null = null;
    if (at > 0) {
      frame = byName.get(node.name) ?? frames.length;
      if (frame === frames.length) {
        const [, name = node.name, file = ""] = /^(.*) \((.*)\)$/.exec(node.name) ?? [];
        frames.push({text: node.name, name, kind: "python", origin: "own", file, line: 0, firstLine: 1, module: ""});
        byName.set(node.name, frame);
      }
    }
    nodes.frame.push(frame);
    nodes.parent.push(parent);
    nodes.total.push(node.value);
    nodes.self.push(node.value - node.children.reduce((sum, child) => sum + child.value, 0));
    for (const child of node.children) add(child, at);
  };
  add(root, 0);
  return build({frames, nodes, secondsPerSample: 0.01});
}

const tree = treeOf(nested(await (await fetch("tree.folded")).text()));

function Page() {
  const [zoom, onZoom] = useState<Path>([]);
  return <Flame tree={tree} icicle zoom={zoom} onZoom={onZoom} search={null} chosen="" onChoose={() => {}} colour="module" label="Tree" />;
}

const place = document.getElementById("viewer")!;
render(<Page />, place);

/** Where the widest node of a depth is on the page. */
function pointOf(depth: number) {
  let widest = -1;
  tree.depth.forEach((at, node) => {
    if (at === depth && (widest < 0 || tree.width[node]! > tree.width[widest]!)) widest = node;
  });
  const canvas = document.querySelector("canvas")!;
  const {left, top, width} = canvas.parentElement!.getBoundingClientRect();
  return {element: canvas, x: left + ((tree.start[widest]! + tree.width[widest]! / 2) / tree.width[0]!) * width, y: top + 18 * (depth + 0.5)};
}

Object.assign(window, {bench: {boxes: () => tree.frame.length, pointOf, root: () => ({...pointOf(0)}), moves: true}});

// A flame graph on a canvas. It is given a tree and what is pointed out in it, and says what is clicked. It must not know
// where the tree comes from, nor the address.

import {useEffect, useLayoutEffect, useMemo, useRef, useState} from "preact/hooks";
import {functionKey} from "../model/functions.ts";
import {find, nextMatch, type Found} from "../model/search.ts";
import {frameOf, nearest, nodeAt, pathOf, type Frame, type Path, type Tree} from "../model/tree.ts";
import type {Colour, Part} from "../state/view.ts";
import {details, spoken} from "./details.ts";
import {useDark} from "./media.ts";
import {directionOf, moveFrom} from "./move.ts";
import {paint} from "./paint.ts";
import {usePointer} from "./pointer.ts";
import {drawable, Scene} from "./scene.ts";
import {Tooltip} from "./Tooltip.tsx";

export interface FlameProps {
  tree: Tree;
  /** Root at the top; else at the bottom. */
  icicle: boolean;
  zoom: Path;
  /** A click, Enter, or the second tap on a box; Backspace and Escape lead out again. */
  onZoom: (path: Path) => void;
  /** The part of what is zoomed to that is looked at closer; `null`: all. If it is not told, the picture keeps it. */
  near?: Part | null;
  /** Wheel, keys or pointer came to rest at another part. */
  onNear?: (near: Part | null) => void;
  search: RegExp | null;
  /** The function whose boxes are highlighted everywhere: [`functionKey`] of its frame; empty: none. */
  chosen: string;
  /** A double click, the menu's button (or a long touch), or the space bar. */
  onChoose: (frame: Frame) => void;
  colour: Colour;
  /** For screen readers: what it is a picture of. */
  label: string;
  /** What `search` finds in `tree`, if that is known. */
  found?: Found | null;
  /** The box that was clicked last, or that the keys are at; `null`: none. If it is not told, the picture keeps it. */
  selected?: Path | null;
  onSelect?: (path: Path) => void;
}

/** What details are shown of: the box under the pointer, or the one that a key led to. */
type Pointed = {path: Path; x: number; y: number} | {path: Path; x: null; y: null};

const KEYS = "Arrow keys move between boxes, Enter zooms, Backspace zooms out, Home is the root, space chooses the function, n the next match.";

export function Flame(props: FlameProps) {
  const {tree, icicle, zoom, search, chosen, colour, label} = props;
  const dark = useDark();
  const [box, canvas, hover, cursor] = [
    useRef<HTMLDivElement>(null), useRef<HTMLCanvasElement>(null), useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null),
  ];
  const scene = useRef<Scene | null>(null);
  const [own, setOwn] = useState<Path | null>(null);
  const selected = props.selected === undefined ? own : props.selected;
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const [said, setSaid] = useState("");
  const [, redrawn] = useState(0);

  const painted = useMemo(() => paint(tree, colour, dark), [tree, colour, dark]);
  const given = props.found;
  const found = useMemo(() => given !== undefined ? given : search ? find(tree, search) : null, [tree, search, given]);
  const marked = useMemo(
    () => (chosen === "" ? null : Uint8Array.from(tree.frames, (frame) => (functionKey(frame) === chosen ? 1 : 0))),
    [tree, chosen]);
  const zoomed = useMemo(() => nearest(tree, zoom), [tree, zoom]);
  const at = selected ? nodeAt(tree, selected) : -1;
  const tip = pointed ? nodeAt(tree, pointed.path) : -1;

  useEffect(() => {
    const made = new Scene(box.current!, canvas.current!);
    scene.current = made;
    return () => made.end();
  }, []);
  const mark = () => {
    place(hover.current, scene.current, pointed?.x != null ? tip : -1);
    place(cursor.current, scene.current, at);
  };
  useLayoutEffect(mark);
  useEffect(() => {
    const {current} = scene;
    if (!current) return;
    current.onDrawn = () => {
      mark();
      // What a key led to has its details beside it, wherever it moves.
      if (pointed && pointed.x === null) redrawn((count) => count + 1);
    };
  });
  useEffect(() => {
    scene.current?.show({
      tree, paint: painted, zoomed, icicle, found, chosen: marked, place: zoom.join("\n"),
    });
  }, [tree, painted, zoomed, icicle, found, marked, zoom]);

  useEffect(() => {
    const {current} = scene;
    if (current) current.onLens = (part) => props.onNear?.(part);
  });
  useEffect(() => {
    if (props.near !== undefined) scene.current?.look(props.near);
  }, [props.near?.from, props.near?.to]);

  const select = (node: number) => {
    const path = pathOf(tree, node);
    setOwn(path);
    props.onSelect?.(path);
    setSaid(spoken(details(tree, node, zoomed)));
  };
  const choose = (node: number) => {
    const frame = frameOf(tree, node);
    if (frame) props.onChoose(frame);
  };
  const zoomTo = (node: number) => {
    if (zoomed === node) scene.current?.reset();
    props.onZoom(pathOf(tree, node));
  };
  usePointer(box, scene, {
    point: (node, x, y) => {
      if (node < 0) setPointed((now) => (now?.x === null ? now : null));
      else setPointed({path: pathOf(tree, node), x, y});
    },
    select, choose, zoom: zoomTo,
    isSelected: (node) => node === at,
  });

  /** To a box, with its details beside it; if it is not in what is seen, the picture zooms out. */
  const lead = (node: number) => {
    select(node);
    setPointed({path: pathOf(tree, node), x: null, y: null});
    const outside = node > zoomed ? node >= tree.end[zoomed]! : zoomed >= tree.end[node]!;
    if (outside) props.onZoom([]);
    else if (scene.current?.closer) scene.current.reset();
    place(cursor.current, scene.current, node);
    cursor.current?.scrollIntoView({block: "nearest"});
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !drawable(tree)) return;
    const here = at >= 0 ? at : zoomed;
    const direction = directionOf(event.key, icicle);
    if (direction) lead(at < 0 ? zoomed : moveFrom(tree, here, direction, zoomed));
    else if (event.key === "Enter") zoomTo(here);
    else if (event.key === " ") choose(here);
    else if ((event.key === "n" || event.key === "N") && found) {
      const match = nextMatch(found, here, event.key === "n" ? 1 : -1);
      if (match >= 0) lead(match);
    } else if (event.key === "+" || event.key === "-") {
      const middle = scene.current?.rectangle(here);
      const left = box.current!.getBoundingClientRect().left;
      scene.current?.closerAt(left + (middle ? middle.left + middle.width / 2 : 0), event.key === "+" ? 0.5 : 2);
    } else if ((event.key === "Escape" || event.key === "Backspace") && (zoomed > 0 || scene.current?.closer)) {
      if (scene.current?.closer) scene.current.reset();
      else if (event.key === "Escape") props.onZoom([]);
      else zoomTo(tree.parent[zoomed]!);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const beside = tip >= 0 && pointed ? pointed.x !== null ? pointed : nextTo(box.current, scene.current?.rectangle(tip) ?? null) : null;
  return (
    <div
      ref={box}
      class="flame"
      role="application"
      aria-label={label}
      aria-roledescription="flame graph"
      aria-description={KEYS}
      tabIndex={0}
      onKeyDown={press}
      onBlur={() => setPointed(null)}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <div ref={hover} class="flame-hover" hidden />
      <div ref={cursor} class="flame-cursor" hidden />
      <p class="visually-hidden" aria-live="polite">{said}</p>
      {beside && <Tooltip details={details(tree, tip, zoomed)} x={beside.x} y={beside.y} />}
    </div>
  );
}

/** Puts an outline around a node's box; none, if that is not in what is seen. */
function place(element: HTMLElement | null, scene: Scene | null, node: number): void {
  if (!element) return;
  const rectangle = scene?.rectangle(node) ?? null;
  element.hidden = rectangle === null;
  if (!rectangle) return;
  element.style.transform = `translate(${rectangle.left}px, ${rectangle.top}px)`;
  element.style.width = `${rectangle.width}px`;
  element.style.height = `${rectangle.height}px`;
}

/** The point of the window at the lower left of a box. */
function nextTo(box: HTMLElement | null, rectangle: {left: number; top: number; height: number} | null): {x: number; y: number} | null {
  if (!box || !rectangle) return null;
  const {left, top} = box.getBoundingClientRect();
  // Two rows of those that it calls can still be seen.
  return {x: left + rectangle.left, y: top + rectangle.top + 2.5 * rectangle.height};
}

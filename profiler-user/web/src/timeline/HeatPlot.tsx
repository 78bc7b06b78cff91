// The picture of the heat map, with pointer and keys on it. It must not know what a mark leads to.

import {useRef, useState} from "preact/hooks";
import {samples as samplesInWords} from "../data/numbers.ts";
import {clock} from "../data/time.ts";
import {known, samplesIn, spanOfSeconds, type HeatCells} from "../model/heat.ts";
import type {Span} from "../model/selection.ts";
import type {Step} from "../state/store.ts";
import {usePaint, useSize} from "./canvas.ts";
import {cellAt, heatWindow, paintHeat, paintHeatOverlay, type Cell} from "./heat.ts";
import {scale} from "./paint.ts";

export interface HeatPlotProps {
  cells: HeatCells;
  marked: Span | null;
  /** What is dragged over, once the pointer is up; by keys it follows from the last one. */
  onMark(span: Span | null, step: Step): void;
  /** Enter on a second. */
  onEnter(second: number): void;
}

/** Where keys lead: seconds on, parts up. */
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

/** A cell in words. */
function inWords(cells: HeatCells, {second, part}: Cell): string {
  const count = cells.counts[second * cells.parts + part] ?? 0;
  const each = 1000 / cells.parts;
  const state = known(cells, second);
  const what = state === "nothing" ? "nothing ran in this second" : samplesInWords(count);
  const doubt = state === "unknown" ? ", not all is known" : "";
  return `${clock(cells.from + second)}, ${part * each} to ${(part + 1) * each} ms: ${what}${doubt}`;
}

export function HeatPlot({cells, marked: given, onMark, onEnter}: HeatPlotProps) {
  const [attach, size] = useSize<HTMLDivElement>();
  const map = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const [pointed, setPointed] = useState<Cell | null>(null);
  // In Unix seconds, so that it stays on its second while the map moves on.
  const [cursor, setCursor] = useState<{at: number; part: number} | null>(null);
  const started = useRef<number | null>(null);
  const [draft, setDraft] = useState<Span | null>(null);
  const marked = draft ?? given;
  const inside = (second: number, part: number): Cell => ({
    second: Math.min(Math.max(second, 0), cells.seconds - 1), part: Math.min(Math.max(part, 0), cells.parts - 1),
  });
  const focused = cursor && inside(cursor.at - cells.from, cursor.part);
  usePaint(map, size, (surface) => paintHeat(surface, cells), [cells]);
  const told = pointed ?? focused;
  const overlayOf = [cells, marked, told?.second, told?.part];
  usePaint(overlay, size, (surface) => paintHeatOverlay(surface, {cells, marked, cursor: told}), overlayOf);

  const place = (event: PointerEvent): Cell | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return cellAt(cells, {x: event.clientX - box.left, y: event.clientY - box.top}, size);
  };
  const press = (event: KeyboardEvent) => {
    const [across, up] = ARROWS[event.key] ?? [0, 0];
    const from = focused ?? {second: cells.seconds - 1, part: 0};
    const go = (second: number, part: number) => {
      const next = inside(second, part);
      setPointed(null);
      setCursor({at: cells.from + next.second, part: next.part});
      if (event.shiftKey && across !== 0) {
        const [first, last] = marked ? [marked.from - cells.from, marked.until - cells.from - 1] : [from.second, from.second];
        // The edge on which the cursor is goes with it.
        onMark(from.second === last ? spanOfSeconds(cells, first, next.second) : spanOfSeconds(cells, next.second, last), "replace");
      }
    };
    if (across !== 0 || up !== 0) go(from.second + across, from.part + up);
    else if (event.key === "Home") go(0, from.part);
    else if (event.key === "End") go(cells.seconds - 1, from.part);
    else if (event.key === "Enter" || event.key === " ") onEnter(from.second);
    else if (event.key === "Escape" && marked) onMark(null, "push");
    else return;
    event.preventDefault();
  };
  const stop = () => {
    started.current = null;
    setDraft(null);
  };
  return (
    <div
      ref={attach}
      class="heat-plot"
      role="application"
      tabIndex={0}
      aria-label={`Heat map of ${cells.seconds} seconds; arrows move over its cells, Shift and arrows mark seconds, Enter marks one`}
      aria-describedby="heat-cell"
      onKeyDown={press}
      onFocus={() => setCursor((before) => before ?? {at: cells.from + cells.seconds - 1, part: 0})}
      onPointerDown={(event) => {
        const cell = place(event);
        if (event.button !== 0 || !cell) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        started.current = cells.from + cell.second;
        setCursor({at: cells.from + cell.second, part: cell.part});
        setDraft(spanOfSeconds(cells, cell.second, cell.second));
      }}
      onPointerMove={(event) => {
        setPointed(place(event));
        if (started.current === null) return;
        const box = event.currentTarget.getBoundingClientRect();
        const second = Math.floor(scale(heatWindow(cells), size.width).at(event.clientX - box.left) - cells.from);
        setDraft(spanOfSeconds(cells, Math.max(started.current - cells.from, 0), Math.min(Math.max(second, 0), cells.seconds - 1)));
      }}
      onPointerUp={() => {
        if (draft) onMark(draft, "push");
        stop();
      }}
      onPointerCancel={stop}
      onPointerLeave={() => setPointed(null)}
    >
      <canvas ref={map} aria-hidden="true" />
      <canvas ref={overlay} aria-hidden="true" />
      {told && <Told cells={cells} cell={told} width={size.width} shown={pointed !== null} />}
    </div>
  );
}

/** What is pointed at, beside it; for the cursor of keys only said. */
function Told({cells, cell, width, shown}: {cells: HeatCells; cell: Cell; width: number; shown: boolean}) {
  const x = scale(heatWindow(cells), width).x(cells.from + cell.second + 0.5);
  const side = x > width / 2 ? {right: `${width - x + 12}px`} : {left: `${x + 12}px`};
  return (
    <div id="heat-cell" role="status" class={shown ? "timeline-values" : "visually-hidden"} style={shown ? side : {}}>
      <div>{inWords(cells, cell)}</div>
      <div>{samplesInWords(samplesIn(cells, cell.second, cell.second))} in the second</div>
    </div>
  );
}

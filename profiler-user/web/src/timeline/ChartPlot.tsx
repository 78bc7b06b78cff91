// The picture of the flame chart, with pointer, wheel and keys on it. It must not know the view.

import {useRef, useState} from "preact/hooks";
import {cpu, samples as samplesInWords} from "../data/numbers.ts";
import {clock} from "../data/time.ts";
import {boxAt, frameOfNode, type Chart} from "../model/chart.ts";
import {lengthInWords, snapped, type Span} from "../model/selection.ts";
import type {Frame} from "../model/tree.ts";
import {usePaint, useSize} from "./canvas.ts";
import {boxUnder, chartHeight, chartWindow, paintChart, paintChartOverlay, type At, type Pointed} from "./chart.ts";
import {scale} from "./paint.ts";
import {useWheel} from "./wheel.ts";

export interface ChartPlotProps {
  chart: Chart;
  pointedOut: Pointed;
  onChoose(frame: Frame): void;
  /** Only these seconds. */
  onSpan(span: Span): void;
  onZoom(factor: number, around: number): void;
}

const SHAKE = 3;

interface Pressed {
  x: number;
  at: number;
}

export function ChartPlot({chart, pointedOut, onChoose, onSpan, onZoom}: ChartPlotProps) {
  const [attach, size, box] = useSize<HTMLDivElement>();
  const boxes = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const [pointed, setPointed] = useState<At | null>(null);
  const [cursor, setCursor] = useState<At | null>(null);
  const [draft, setDraft] = useState<Span | null>(null);
  const pressed = useRef<Pressed | null>(null);
  const window = chartWindow(chart);
  const {at: momentAt} = scale(window, size.width);
  const told = pointed ?? cursor;
  usePaint(boxes, size, (surface) => paintChart(surface, chart, pointedOut), [chart, pointedOut.chosen, pointedOut.found]);
  usePaint(overlay, size, (surface) => paintChartOverlay(surface, {chart, at: told, draft}), [chart, told?.depth, told?.box, draft]);
  useWheel(box, (factor, x) => onZoom(factor, momentAt(x)));

  const place = (event: PointerEvent) => {
    const {left, top} = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return {x: event.clientX - left, y: event.clientY - top};
  };
  const press = (event: KeyboardEvent) => {
    const from = cursor && chart.rows[cursor.depth]?.node[cursor.box] !== undefined ? cursor : null;
    if (event.key === "Enter" && from) {
      const row = chart.rows[from.depth]!;
      onSpan(snapped(row.from[from.box]!, row.until[from.box]!, window));
    } else if (event.key === " " && from) {
      const frame = frameOfNode(chart, chart.rows[from.depth]!.node[from.box]!);
      if (frame) onChoose(frame);
    } else if (event.key === "+" || event.key === "=") onZoom(0.5, (window.from + window.until) / 2);
    else if (event.key === "-") onZoom(2, (window.from + window.until) / 2);
    else {
      const next = moveTo(chart, from, event.key);
      if (!next) return;
      setPointed(null);
      setCursor(next);
    }
    event.preventDefault();
  };
  const stop = () => {
    pressed.current = null;
    setDraft(null);
  };
  return (
    <>
      <div class="chart-scroll">
        <div
          ref={attach}
          class="chart-plot"
          role="application"
          tabIndex={0}
          style={{height: `${chartHeight(chart)}px`}}
          aria-label="Flame chart; arrows move over its boxes, Enter shows a box's time alone, Space points its function out"
          aria-describedby="chart-details"
          onKeyDown={press}
          onFocus={() => setCursor((before) => before ?? (chart.rows.length > 0 ? {depth: 0, box: 0} : null))}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            const {x} = place(event);
            pressed.current = {x, at: momentAt(x)};
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => {
            const at = place(event);
            const start = pressed.current;
            setPointed(boxUnder(chart, at, size.width));
            if (start) setDraft(Math.abs(at.x - start.x) < SHAKE ? null : snapped(start.at, momentAt(at.x), window));
          }}
          onPointerUp={(event) => {
            const under = boxUnder(chart, place(event), size.width);
            const frame = under && frameOfNode(chart, chart.rows[under.depth]!.node[under.box]!);
            const moved = draft;
            const was = pressed.current;
            stop();
            if (moved) onSpan(moved);
            else if (was && under && frame) {
              setCursor(under);
              onChoose(frame);
            }
          }}
          onPointerCancel={stop}
          onPointerLeave={() => setPointed(null)}
        >
          <canvas ref={boxes} aria-hidden="true" />
          <canvas ref={overlay} aria-hidden="true" />
        </div>
      </div>
      <div id="chart-details" class="chart-details" role="status">
        {told
          ? inWords(chart, told)
          : `${samplesInWords(chart.total.samples)} in ${lengthInWords(window.until - window.from)}. Drag over time to see it alone.`}
      </div>
    </>
  );
}

/** The box that a key leads to; `null`: the key is another. */
function moveTo(chart: Chart, from: At | null, key: string): At | null {
  if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key) || chart.rows.length === 0) return null;
  if (!from) return {depth: 0, box: 0};
  const row = chart.rows[from.depth]!;
  const last = row.node.length - 1;
  if (key === "ArrowLeft") return {...from, box: Math.max(from.box - 1, 0)};
  if (key === "ArrowRight") return {...from, box: Math.min(from.box + 1, last)};
  if (key === "Home") return {...from, box: 0};
  if (key === "End") return {...from, box: last};
  const depth = from.depth + (key === "ArrowDown" ? 1 : -1);
  const [begin, end] = [row.from[from.box]!, row.until[from.box]!];
  const middle = boxAt(chart, depth, (begin + end) / 2);
  if (middle >= 0) return {depth, box: middle};
  // Nothing below its middle: the first one that is below it at all.
  const below = chart.rows[depth];
  const first = below ? below.until.findIndex((until, box) => until > begin && below.from[box]! < end) : -1;
  return first >= 0 ? {depth, box: first} : from;
}

function inWords(chart: Chart, {depth, box}: At): string {
  const row = chart.rows[depth];
  const node = row?.node[box];
  const frame = node === undefined ? null : frameOfNode(chart, node);
  if (!row || !frame) return "";
  const [from, until, count] = [row.from[box]!, row.until[box]!, row.samples[box]!];
  const known = from < chart.completeSince ? ", not all is known" : "";
  const used = cpu((count * chart.total.cpuSeconds) / chart.total.samples);
  return `${frame.text}: ${samplesInWords(count)}, ${used} of CPU, from ${clock(from)} to ${clock(until)}${known}`;
}

// A canvas that is painted again when what is on it changes, when it gets another size, and when the page turns dark or
// light. It must not know what is painted.

import {useCallback, useEffect, useRef, useState} from "preact/hooks";

export interface Surface {
  context: CanvasRenderingContext2D;
  /** In CSS pixels, as all that is painted. */
  width: number;
  height: number;
  /** The value of a CSS variable, such as `--text`. */
  color(name: string): string;
}

export interface Size {
  width: number;
  height: number;
}

/** The size of an element, in CSS pixels; 0 until it is known. */
export function useSize<Kind extends HTMLElement>(): [(element: Kind | null) => void, Size, {current: Kind | null}] {
  const [size, setSize] = useState<Size>({width: 0, height: 0});
  const element = useRef<Kind | null>(null);
  const observer = useRef<ResizeObserver | null>(null);
  const attach = useCallback((next: Kind | null) => {
    element.current = next;
    observer.current?.disconnect();
    if (!next) return;
    const measure = () => setSize((before) => {
      const [width, height] = [next.clientWidth, next.clientHeight];
      return before.width === width && before.height === height ? before : {width, height};
    });
    observer.current = new ResizeObserver(measure);
    observer.current.observe(next);
    measure();
  }, []);
  return [attach, size, element];
}

/** Paints after every render in which one of `inputs` is another, at most once a frame. */
export function usePaint(
  canvas: {current: HTMLCanvasElement | null},
  {width, height}: Size,
  paint: (surface: Surface) => void,
  inputs: readonly unknown[],
): void {
  const latest = useRef(paint);
  latest.current = paint;
  const [scheme, setScheme] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setScheme((count) => count + 1);
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (!element || !context || width === 0 || height === 0) return;
      const ratio = window.devicePixelRatio || 1;
      const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (element.width !== across || element.height !== down) Object.assign(element, {width: across, height: down});
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      context.font = "11px system-ui, sans-serif";
      const style = getComputedStyle(element);
      latest.current({context, width, height, color: (name) => style.getPropertyValue(name).trim()});
    });
    return () => cancelAnimationFrame(frame);
  }, [width, height, scheme, ...inputs]);
}

/** Fills a rectangle with slanted lines: nothing is known there. */
export function hatch({context, color}: Surface, x: number, y: number, width: number, height: number): void {
  if (width <= 0 || height <= 0) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = color("--hatch");
  context.lineWidth = 1;
  context.beginPath();
  // From the canvas's own corner, so that neighbouring rectangles fit.
  for (let at = Math.floor((x - height) / 7) * 7; at < x + width + height; at += 7) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}

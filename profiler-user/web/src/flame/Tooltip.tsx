// What is said of a box, beside it and inside the window. It must not know where its numbers come from.

import {useLayoutEffect, useRef} from "preact/hooks";
import type {Details} from "./details.ts";
import {visible} from "./labels.ts";

export interface TooltipProps {
  details: Details;
  /** A point of the window that it is next to and must not cover. */
  x: number;
  y: number;
}

const AWAY = 14;
const EDGE = 6;

export function Rows({details}: {details: Details}) {
  return (
    <dl class="flame-rows">
      {details.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd><bdi>{visible(value)}</bdi></dd>
        </div>
      ))}
    </dl>
  );
}

export function Tooltip({details, x, y}: TooltipProps) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const {offsetWidth: width, offsetHeight: height} = element;
    const right = x + AWAY + width + EDGE <= window.innerWidth;
    const below = y + AWAY + height + EDGE <= window.innerHeight;
    const inside = (at: number, size: number, whole: number) => Math.max(Math.min(at, whole - size - EDGE), EDGE);
    element.style.left = `${inside(right ? x + AWAY : x - AWAY - width, width, window.innerWidth)}px`;
    element.style.top = `${inside(below ? y + AWAY : y - AWAY - height, height, window.innerHeight)}px`;
  });
  return (
    <div ref={box} class="flame-tip" role="tooltip">
      <strong><bdi>{visible(details.title)}</bdi></strong>
      <Rows details={details} />
    </div>
  );
}

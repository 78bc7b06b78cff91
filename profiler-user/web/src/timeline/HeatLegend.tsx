// What the colours of the heat map mean.

import {useRef} from "preact/hooks";
import {samples as samplesInWords} from "../data/numbers.ts";
import {usePaint, useSize} from "./canvas.ts";
import {heatColor, heatStops} from "./heat.ts";

export function HeatLegend({most, part}: {most: number; part: number}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [attach, size] = useSize<HTMLSpanElement>();
  usePaint(canvas, size, ({context, width, height, color}) => {
    const stops = heatStops(color);
    for (let x = 0; x < width; x++) {
      context.fillStyle = `rgb(${heatColor(stops, x / (width - 1)).join(",")})`;
      context.fillRect(x, 0, 1, height);
    }
  }, []);
  return (
    <span class="heat-legend">
      <span class="heat-key"><i class="heat-none" />0</span>
      <span class="heat-key">
        1 <span ref={attach} class="heat-scale"><canvas ref={canvas} aria-hidden="true" /></span>
        {samplesInWords(most)} in {part} ms
      </span>
      <span class="heat-key"><i class="heat-stall" />nothing ran</span>
      <span class="heat-key"><i class="heat-unknown" />not known</span>
    </span>
  );
}

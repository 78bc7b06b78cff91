// Colours as numbers: made in a space where equal steps look equal, so that lightness alone tells them apart, also for
// those who see fewer hues. It must not know what is coloured.

/** Red, green, blue, 0 … 255. */
export type Rgb = readonly [number, number, number];

/** From OKLCH (CSS Color 4, of Björn Ottosson's Oklab): lightness 0 … 1, chroma 0 … 0.37, hue in degrees. What no
 *  screen can show is cut off. */
export function oklch(lightness: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    byte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** One channel of linear light as sRGB has it. */
function byte(light: number): number {
  const value = light <= 0.0031308 ? 12.92 * light : 1.055 * Math.max(light, 0) ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(Math.max(value, 0), 1));
}

/** `share` of the one, the rest of the other. */
export function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (channel: 0 | 1 | 2) => Math.round(share * one[channel] + (1 - share) * other[channel]);
  return [part(0), part(1), part(2)];
}

export function css([red, green, blue]: Rgb): string {
  return `#${[red, green, blue].map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

/** How bright, as WCAG 2 has it: 0 … 1. */
export function luminance([red, green, blue]: Rgb): number {
  const light = (channel: number) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
}

/** Contrast of two colours, 1 … 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** The colour of a text on a fill: black or white, of which one always has a contrast of 4.58 at least. */
export function inkOn(fill: Rgb): Rgb {
  return contrast(fill, BLACK) >= contrast(fill, WHITE) ? BLACK : WHITE;
}

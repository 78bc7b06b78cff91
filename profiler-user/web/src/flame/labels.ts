// The texts on the boxes: as much as fits, never a letter cut in half. Directories go first, from the outermost on, then
// the place, then the end of the name. It must not know the canvas: whoever asks tells how wide a text is.

import type {Frame} from "../model/tree.ts";

/** A name is not cut to fewer letters than this. */
const FEWEST = 3;
const MOST_KNOWN = 20_000;
const ELLIPSIS = "…";

// Names are data from outside: what moves the writing about (control characters, directions of writing) is shown as a
// sign instead.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function visible(text: string): string {
  return text.replace(UNSEEN, "\ufffd");
}

const letters = new Intl.Segmenter("en", {granularity: "grapheme"});

/** What a reader takes for letters, however many code points each is. */
export function lettersOf(text: string): string[] {
  return Array.from(letters.segment(text), ({segment}) => segment);
}

/** The forms of a frame's text, the longest first; the last one is the name alone. */
export function formsOf(frame: Frame): string[] {
  const text = visible(frame.text);
  const name = visible(frame.name);
  const forms = [text];
  const file = visible(frame.file);
  // `name (file)` or `name (file:line)`: whatever the place, the file is in it.
  const at = file === "" ? -1 : text.lastIndexOf(file);
  if (at > 0) {
    const parts = file.split("/").filter((part) => part !== "");
    for (let left = parts.length - 1; left > 0; left--) {
      const short = `${left > 1 ? "…/" : ""}${parts.slice(-left).join("/")}`;
      const form = text.slice(0, at) + short + text.slice(at + file.length);
      if (form.length < forms.at(-1)!.length) forms.push(form);
    }
  }
  if (name !== "" && name !== forms.at(-1)) forms.push(name);
  return forms;
}

/** What is known of a text: widths are NaN until they are asked for. */
interface Known {
  forms: string[];
  widths: Float64Array;
  /** Of the last form; `null` until it has to be cut. */
  letters: string[] | null;
  /** Width of the first so many letters and the ellipsis. */
  cutWidths: Float64Array;
  /** The first so many letters and the ellipsis. */
  cuts: string[];
}

export class Labels {
  /** Whether a text was left out since [`begin`](Labels.begin), for lack of time. */
  starved = false;
  #until = Infinity;
  readonly #known = new Map<string, Known>();

  /** `width`: how wide a text is, in the unit that [`fit`](Labels.fit) is asked in. */
  constructor(private readonly width: (text: string) => number) {}

  /** A new picture: texts that are not known yet are measured for so many milliseconds, then they are left out. */
  begin(milliseconds: number): void {
    this.starved = false;
    this.#until = performance.now() + milliseconds;
  }

  /** The most of a frame's text that is not wider; empty: nothing that could be read. */
  fit(frame: Frame, room: number): string {
    const known = this.#of(frame);
    if (known === null) return "";
    const {forms, widths} = known;
    for (let i = 0; i < forms.length; i++) {
      const wide = this.#measured(widths, i, forms[i]!);
      if (wide <= room) return forms[i]!;
      // No time: this picture goes without.
      if (Number.isNaN(wide)) return "";
    }
    return this.#cut(known, room);
  }

  #cut(known: Known, room: number): string {
    if (known.letters === null) {
      known.letters = lettersOf(known.forms.at(-1)!);
      known.cutWidths = new Float64Array(known.letters.length).fill(NaN);
    }
    const whole = known.letters;
    let low = FEWEST - 1;
    let high = whole.length - 1;
    // The most letters that fit: more are never narrower.
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const wide = this.#measured(known.cutWidths, middle, this.#cutTo(known, middle));
      if (Number.isNaN(wide)) return "";
      if (wide <= room) low = middle;
      else high = middle - 1;
    }
    if (low < FEWEST || low > whole.length - 1) return "";
    const wide = this.#measured(known.cutWidths, low, this.#cutTo(known, low));
    return wide <= room ? this.#cutTo(known, low) : "";
  }

  #cutTo(known: Known, count: number): string {
    return (known.cuts[count] ??= known.letters!.slice(0, count).join("") + ELLIPSIS);
  }

  #measured(widths: Float64Array, at: number, text: string): number {
    if (Number.isNaN(widths[at])) {
      if (this.#late()) return NaN;
      widths[at] = this.width(text);
    }
    return widths[at]!;
  }

  #late(): boolean {
    if (performance.now() <= this.#until) return false;
    this.starved = true;
    return true;
  }

  #of(frame: Frame): Known | null {
    let known = this.#known.get(frame.text);
    if (!known) {
      if (this.#late()) return null;
      // Names come and go while a page is open for days.
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      const forms = formsOf(frame);
      known = {forms, widths: new Float64Array(forms.length).fill(NaN), letters: null, cutWidths: new Float64Array(0), cuts: []};
      this.#known.set(frame.text, known);
    }
    return known;
  }
}

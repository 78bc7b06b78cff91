// An input with a list to choose from, narrowed by what is typed; all by keyboard, as screen readers know comboboxes. It
// must not know what is chosen.

import {useEffect, useId, useMemo, useRef, useState} from "preact/hooks";
import {ShareBar} from "./bars.tsx";

export interface Option {
  value: string;
  text: string;
  /** Said after the text, fainter: a file, a hint. */
  detail?: string;
  /** What it uses, and as a share: drawn as a bar. */
  amount?: string;
  share?: number;
  /** Of several: it is chosen already. */
  chosen?: boolean;
}

export interface ComboboxProps {
  label: string;
  placeholder?: string;
  options: readonly Option[];
  /** Said instead of the list: it is loading, or why there is none. */
  said?: string;
  onChoose: (value: string) => void;
  /** Left: by Escape, so that the focus goes back to where it was, or because something else has it. */
  onClose?: (how: "escape" | "blur") => void;
  /** The list is always there, as a part of the page; else it opens over it. */
  always?: boolean;
  /** Several can be chosen: the list stays open. */
  several?: boolean;
  /** Has the focus from the beginning: for what somebody has just asked for. */
  focus?: boolean;
  /** What is typed and is none of the options can be chosen too. */
  free?: boolean;
}

/** Most options in the page at once: more are found by typing. */
const MOST = 200;

/** Options that have every word of what was typed. */
export function narrowed(options: readonly Option[], typed: string): Option[] {
  const words = typed.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return [...options];
  return options.filter(({text, detail}) => {
    const all = `${text} ${detail ?? ""}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

export function Combobox(props: ComboboxProps) {
  const {label, options, onChoose, onClose, always = false, several = false} = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(always);
  const [cursor, setCursor] = useState(0);
  const found = useMemo(() => {
    const all = narrowed(options, typed);
    const free = props.free && typed !== "" && !options.some(({value}) => value === typed);
    return free ? [...all, {value: typed, text: typed, detail: "as typed"}] : all;
  }, [options, typed, props.free]);
  const shown = found.slice(0, MOST);
  const at = Math.min(cursor, shown.length - 1);
  useEffect(() => {
    if (props.focus) input.current?.focus();
  }, []);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({block: "nearest"});
  }, [at, open]);
  const choose = (option: Option | undefined) => {
    if (!option) return;
    onChoose(option.value);
    if (several || always) return;
    setTyped("");
    setOpen(false);
  };
  const press = (event: KeyboardEvent) => {
    const to: Record<string, number> = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 8, PageUp: at - 8};
    const row = to[event.key];
    if (row !== undefined) {
      if (open) setCursor(Math.min(Math.max(row, 0), shown.length - 1));
      setOpen(true);
    } else if (event.key === "Enter" && open) choose(shown[at]);
    else if (event.key === "Escape" && (typed !== "" || (open && !always) || onClose)) {
      if (typed !== "") setTyped("");
      else {
        setOpen(always);
        onClose?.("escape");
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={always ? "combobox always" : "combobox"}>
      <input
        ref={input} type="text" role="combobox" aria-label={label} aria-expanded={open} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={open && at >= 0 ? `${id}-${at}` : undefined} autocomplete="off" spellcheck={false}
        placeholder={props.placeholder ?? label} value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setCursor(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)} onClick={() => setOpen(true)}
        onBlur={() => {
          setOpen(always);
          onClose?.("blur");
        }}
        onKeyDown={press}
      />
      {/* The focus stays in the input: else it would close before the click arrives. */}
      <div class="options" hidden={!open} onMouseDown={(event) => event.preventDefault()}>
        <ul ref={list} id={`${id}-list`} role="listbox" aria-label={label} aria-multiselectable={several || undefined}>
          {shown.map((option, index) => (
            <li
              key={option.value} id={`${id}-${index}`} role="option" class={index === at ? "cursor" : ""}
              aria-selected={option.chosen ?? (!several && index === at)} onClick={() => choose(option)}
            >
              {several && <span class="tick" aria-hidden="true">{option.chosen ? "✓" : ""}</span>}
              <span class="text" title={option.text}>{option.text === "" ? "(empty)" : option.text}</span>
              {option.detail !== undefined && <span class="detail" title={option.detail}>{option.detail}</span>}
              {option.share !== undefined && <ShareBar share={option.share} {...(option.amount === undefined ? {} : {text: option.amount})} />}
            </li>
          ))}
        </ul>
        <p class="rest" role="status">
          {props.said ?? (shown.length === 0 ? "Nothing matches." : found.length > MOST ? `${(found.length - MOST).toLocaleString("en")} more: type to narrow.` : "")}
        </p>
      </div>
    </div>
  );
}

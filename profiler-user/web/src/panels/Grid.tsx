// A table of any length: only the rows that can be seen are in the page, the rest is room. The focus stays on the table,
// which says which row is meant (`aria-activedescendant`), as rows come and go while it scrolls. It must not know what
// the rows are of.

import type {ComponentChild, ComponentChildren} from "preact";
import {useEffect, useLayoutEffect, useRef, useState} from "preact/hooks";

export const ROW_PX = 24;
/** Rows besides those that are seen, so that scrolling by a notch shows no gap. */
const SPARE = 8;

export interface Column {
  id: string;
  head: ComponentChild;
  /** What the column is, in words. */
  title: string;
  /** Class of its cells: `wide` is not shown on narrow screens, `number` is set to the right. */
  class?: string;
  /** How it is sorted; not there: it can't be. */
  sort?: "ascending" | "descending" | "none";
}

export interface Row {
  key: string;
  cells: readonly ComponentChild[];
  class?: string;
  selected?: boolean;
  /** Of a tree: 1 is the uppermost. */
  level?: number;
  /** Of a tree: whether what is below it is shown; not there: there is nothing below it. */
  expanded?: boolean;
}

export interface GridProps {
  id: string;
  label: string;
  /** Rows have levels. */
  tree?: boolean;
  columns: readonly Column[];
  count: number;
  row: (index: number) => Row;
  /** The row that keys are about. */
  cursor: number;
  onCursor: (index: number) => void;
  /** A row that is brought to where it can be seen, whenever this is another object. */
  bring?: {row: number};
  onChoose: (index: number) => void;
  onSort?: (column: string) => void;
  /** Keys that the table has no use for itself. Says whether it had one. */
  onKey?: (key: string, index: number) => boolean;
  /** What is shown if there are no rows. */
  children?: ComponentChildren;
}

/** Which row a key leads to; `null`: it leads to none. */
export function moved(key: string, cursor: number, count: number, page: number): number | null {
  const to: Record<string, number> = {
    ArrowDown: cursor + 1, ArrowUp: cursor - 1, PageDown: cursor + page, PageUp: cursor - page, Home: 0, End: count - 1,
  };
  const row = to[key];
  return row === undefined || count === 0 ? null : Math.min(Math.max(row, 0), count - 1);
}

export function Grid(props: GridProps) {
  const {id, label, tree, columns, count, cursor, onCursor, onChoose, onSort, onKey} = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const element = scroller.current!;
    const measure = new ResizeObserver(() => setHeight(element.clientHeight));
    measure.observe(element);
    return () => measure.disconnect();
  }, []);
  const page = Math.max(Math.floor(height / ROW_PX) - 2, 1);
  // A row that a key or the address led to is brought to where it can be seen. Not whenever the cursor moves: rows move
  // by themselves while a profile is live, and whoever has scrolled is reading.
  const bring = (row: number, middle: boolean) => {
    const element = scroller.current!;
    // The head covers as much as a row.
    const [from, until] = [row * ROW_PX, (row + 2) * ROW_PX];
    const {scrollTop, clientHeight} = element;
    if (from >= scrollTop && until <= scrollTop + clientHeight) return;
    element.scrollTop = middle ? from - clientHeight / 2 : from < scrollTop ? from : until - clientHeight;
  };
  useEffect(() => bring(cursor, true), []);
  useEffect(() => {
    if (props.bring) bring(props.bring.row, true);
  }, [props.bring]);
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = event.target !== event.currentTarget;
    const to = moved(event.key, cursor, count, page);
    if (to !== null) {
      onCursor(to);
      bring(to, false);
    }
    else if (event.key === "Enter" && !onButton && count > 0) onChoose(cursor);
    else if (!(count > 0 && onKey?.(event.key, cursor))) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const first = Math.max(Math.floor(top / ROW_PX) - SPARE, 0);
  const last = Math.min(Math.ceil((top + height) / ROW_PX) + SPARE, count);
  const shown = Array.from({length: Math.max(last - first, 0)}, (_, i) => first + i);
  const seen = cursor >= first && cursor < last;
  return (
    <div class="grid-place">
      <div
        id={id} ref={scroller} class={`grid ${id}`} role={tree ? "treegrid" : "grid"} aria-label={label} tabIndex={0}
        aria-rowcount={count + 1} aria-colcount={columns.length} aria-activedescendant={seen ? `${id}-${cursor}` : undefined}
        onKeyDown={press} onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map((column) => <Head key={column.id} column={column} {...(onSort ? {onSort} : {})} />)}
        </div>
        {/* Room for all rows; those in it say where they are. */}
        <div class="room" role="presentation" style={{height: `${count * ROW_PX}px`}}>
          {shown.map((index) => {
            const row = props.row(index);
            return (
              <div
                key={row.key} id={`${id}-${index}`} class={`row ${row.class ?? ""} ${index === cursor ? "cursor" : ""}`}
                role="row" aria-rowindex={index + 2} aria-selected={row.selected ?? false}
                aria-level={row.level} aria-expanded={row.expanded}
                style={{transform: `translateY(${index * ROW_PX}px)`}}
                onClick={() => {
                  onCursor(index);
                  onChoose(index);
                }}
              >
                {columns.map((column, at) => (
                  <div key={column.id} role="gridcell" class={`cell ${column.id} ${column.class ?? ""}`}>{row.cells[at]}</div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {count === 0 && <p class="empty">{props.children}</p>}
    </div>
  );
}

function Head({column, onSort}: {column: Column; onSort?: (column: string) => void}) {
  const {id, sort, head, title} = column;
  return (
    <div role="columnheader" class={`cell ${id} ${column.class ?? ""}`} aria-sort={sort} title={title}>
      {sort === undefined || !onSort
        ? head === "" ? <span class="visually-hidden">{title}</span> : head
        : (
          <button type="button" onClick={() => onSort(id)}>
            {head}<span class="arrow" aria-hidden="true">{sort === "ascending" ? "▲" : sort === "descending" ? "▼" : ""}</span>
          </button>
        )}
    </div>
  );
}

// A file with what its lines use beside them, and its functions. It must not know how a file is read, nor who may.

import {useMemo, useState} from "preact/hooks";
import type {Processes} from "../api/schema.ts";
import type {Loaded} from "../data/loaded.ts";
import {cpu} from "../data/numbers.ts";
import {useByLine, useText, type ByLine, type SourceText} from "../data/source.ts";
import {filesOf, linesOf, nextLine, processesOf, type Lines} from "../model/lines.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";
import {ChangeBar, ShareBar, signedCpu} from "./bars.tsx";
import {Combobox} from "./Combobox.tsx";
import {Grid, type Column} from "./Grid.tsx";

export function Source({store, view, processes}: PaneProps) {
  const loaded = useByLine(view);
  const [choosing, setChoosing] = useState(false);
  if (!loaded.value) return <p class="empty" role="status">{loaded.error?.message ?? "Loading."}</p>;
  if (view.file === "" || choosing) {
    return <FileChooser byLine={loaded.value} onChoose={(file) => {
      store.set({file, filePid: 0});
      setChoosing(false);
    }} onCancel={view.file === "" ? null : () => setChoosing(false)} />;
  }
  return (
    <>
      {loaded.error && <p class="empty bad" role="status">{loaded.error.message}</p>}
      <File key={view.file} store={store} view={view} byLine={loaded.value} processes={processes} onOther={() => setChoosing(true)} />
    </>
  );
}

function FileChooser({byLine, onChoose, onCancel}: {byLine: ByLine; onChoose: (file: string) => void; onCancel: (() => void) | null}) {
  const {tree} = byLine;
  const options = useMemo(() => {
    const whole = Math.max(tree.total[0]!, tree.before?.total[0] ?? 0);
    return filesOf(tree).filter(({total, totalBefore}) => total > 0 || totalBefore > 0).map(({file, module, self, selfBefore}) => {
      const most = Math.max(self, selfBefore);
      return {value: file, text: file, detail: module, amount: cpu(most * tree.secondsPerSample), share: whole > 0 ? most / whole : 0};
    });
  }, [tree]);
  return (
    <section class="source-pane" aria-label="Source">
      <p class="ask">Which file? Those with most CPU of their own come first.</p>
      <Combobox label="File" placeholder="Type a part of its name" options={options} onChoose={onChoose} always
        {...(onCancel ? {onClose: onCancel, focus: true} : {})} />
    </section>
  );
}

interface FileProps {
  store: Store;
  view: View;
  byLine: ByLine;
  processes: Processes | null;
  onOther: () => void;
}

function File({store, view, byLine, processes, onOther}: FileProps) {
  const {file} = view;
  const lines = useMemo(() => linesOf(byLine.tree, file), [byLine, file]);
  const seen = useMemo(() => processesOf(byLine.processes, file), [byLine, file]);
  const there = new Set(processes?.processes.map(({pid}) => pid));
  // Once one was chosen it stays, though another may have more samples a moment later.
  const best = (seen.find(({pid}) => there.has(pid)) ?? seen[0])?.pid ?? 0;
  const [first, setFirst] = useState(0);
  if (first === 0 && best !== 0) setFirst(best);
  const pid = view.filePid || first || best;
  const text = useText(pid, file);
  const chosen = lines.functions.find(({key}) => key === view.chosen);
  const [cursor, setCursor] = useState(() => (chosen?.firstLine || lines.hottest || 1) - 1);
  const [brought, setBrought] = useState({line: cursor + 1});
  const jump = (line: number) => {
    if (line <= 0) return;
    setCursor(line - 1);
    setBrought({line});
    document.getElementById("lines")?.focus({preventScroll: true});
  };
  return (
    <section class="source-pane" aria-label="Source">
      <div class="tools">
        <h2 title={file}>{file}</h2>
        <button type="button" onClick={onOther}>Another file</button>
        <button type="button" disabled={lines.hottest === 0} onClick={() => jump(lines.hottest)} title="Hottest line (h)">Hottest line</button>
        <span class="idle">n, p: next and previous line with samples</span>
        {seen.length > 1 && (
          <label>as seen by <select value={String(pid)} onChange={(event) => store.set({filePid: Number(event.currentTarget.value)})}>
            {seen.map((one) => <option key={one.pid} value={String(one.pid)}>process {one.pid}</option>)}
            {!seen.some((one) => one.pid === pid) && <option value={String(pid)}>process {pid}</option>}
          </select></label>
        )}
      </div>
      <Said text={text} pid={pid} lines={lines} since={processes?.processes.find((one) => one.pid === pid)?.since_unix_seconds ?? Infinity} />
      <div class="source-parts">
        <Outline byLine={byLine} lines={lines} onJump={jump} />
        <Text store={store} byLine={byLine} lines={lines} text={text.value?.text ?? null} cursor={cursor} onCursor={setCursor}
          brought={brought} onJump={jump} />
      </div>
    </section>
  );
}

/** Why there is no text, or why it may not be what runs. */
function Said({text, pid, lines, since}: {text: Loaded<SourceText>; pid: number; lines: Lines; since: number}) {
  const said = pid === 0
    ? "No process with this file was seen in this range, so there is no text."
    : text.error
      ? `There is no text: ${text.error.message}. What its lines use is known all the same.`
      : text.value && text.value.modified_unix_seconds > since
        ? "The file was changed while the process ran: the text may not be what runs."
        : lines.of.size === 0 ? "No samples are in this file in this range." : "";
  return said === "" ? null : <p class="why" role="status">{said}</p>;
}

function Outline({byLine, lines, onJump}: {byLine: ByLine; lines: Lines; onJump: (line: number) => void}) {
  const {tree} = byLine;
  const share = (total: number, before: number) => {
    const [now, was] = [tree.total[0]!, tree.before?.total[0] ?? 0];
    return Math.max(now > 0 ? total / now : 0, was > 0 ? before / was : 0);
  };
  return (
    <nav class="outline" aria-label="Functions of the file">
      <ul>
        {lines.functions.filter(({total, totalBefore}) => total > 0 || totalBefore > 0).map((one) => (
          <li key={`${one.key}:${one.firstLine}`}>
            <button type="button" onClick={() => onJump(one.firstLine)} title={`${one.name}, line ${one.firstLine}`}>
              <span class="name">{one.name}</span>
              <span class="idle">{one.firstLine > 0 ? one.firstLine : ""}</span>
              <ShareBar share={share(one.total, one.totalBefore)} />
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface TextProps {
  store: Store;
  byLine: ByLine;
  lines: Lines;
  /** `null`: there is none, then only lines that use something are shown. */
  text: string | null;
  cursor: number;
  onCursor: (row: number) => void;
  /** Another object with each jump. */
  brought: {line: number};
  onJump: (line: number) => void;
}

function Text({store, byLine, lines, text, cursor, onCursor, brought, onJump}: TextProps) {
  const {tree} = byLine;
  const texts = useMemo(() => text?.split(/\r\n|\n|\r/) ?? [], [text]);
  // Without a text the rows are the lines that are known; the cursor is a line all the same.
  const numbers = useMemo(() => {
    if (text !== null) return null;
    return [...lines.of.keys()].filter((line) => line > 0).sort((a, b) => a - b);
  }, [lines, text]);
  const count = numbers ? numbers.length : Math.max(texts.length, lines.last);
  const lineOf = (row: number) => (numbers ? numbers[row]! : row + 1);
  const rowOf = (at: number) => {
    if (!numbers) return Math.min(at, count - 1);
    const row = numbers.findIndex((line) => line >= at + 1);
    return row < 0 ? count - 1 : row;
  };
  const most = useMemo(() => [...lines.of.values()].reduce((most, {self, selfBefore}) => Math.max(most, self, selfBefore), 0), [lines]);
  // Again when there are other rows, as when the text arrives.
  const bring = useMemo(() => ({row: Math.max(rowOf(brought.line - 1), 0)}), [brought, count]);
  const step = (from: number, by: 1 | -1) => onJump(nextLine(lines, from, by));
  return (
    <Grid
      id="lines" label="Lines" columns={tree.before ? CHANGED : COLUMNS} count={count} cursor={Math.max(rowOf(cursor), 0)} bring={bring}
      row={(row) => ({key: String(lineOf(row)), cells: cells(byLine, lines, lineOf(row), {most, text: texts[lineOf(row) - 1] ?? ""})})}
      onCursor={(row) => onCursor(lineOf(row) - 1)}
      onChoose={(row) => {
        const line = lineOf(row);
        const inside = lines.functions.findLast(({firstLine}) => firstLine > 0 && firstLine <= line);
        if (inside && lines.of.has(line)) store.set({chosen: inside.key});
      }}
      onKey={(key, row) => {
        if (key === "n") step(lineOf(row), 1);
        else if (key === "p") step(lineOf(row), -1);
        else if (key === "h") onJump(lines.hottest);
        else return false;
        return true;
      }}
    >
      No lines are known.
    </Grid>
  );
}

const COLUMNS: Column[] = [
  {id: "self", head: "Self", title: "CPU time of the line itself"},
  {id: "total", head: "Total", title: "CPU time of the line and what it calls", class: "number"},
  {id: "line", head: "Line", title: "Line", class: "number"},
  {id: "text", head: "", title: "Text"},
];
const CHANGED: Column[] = [
  {id: "self", head: "Self change", title: "Change of the CPU time of the line itself"},
  {id: "total", head: "Total change", title: "Change of the CPU time of the line and what it calls", class: "number"},
  ...COLUMNS.slice(2),
];

function cells({tree}: ByLine, lines: Lines, line: number, {most, text}: {most: number; text: string}) {
  const used = lines.of.get(line);
  const said = <code>{text}</code>;
  if (!used) return ["", "", line, said];
  const seconds = (value: number) => cpu(value * tree.secondsPerSample);
  if (tree.before) {
    const self = used.self - used.selfBefore;
    return [<ChangeBar value={self} largest={most} text={self === 0 ? "" : signedCpu(self)} />, signedCpu(used.total - used.totalBefore), line, said];
  }
  return [used.self > 0 ? <ShareBar share={used.self / most} text={seconds(used.self)} /> : "", used.total > 0 ? seconds(used.total) : "", line, said];
}

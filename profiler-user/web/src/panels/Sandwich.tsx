// A function between its callers, drawn upwards, and what it calls, drawn downwards, merged over all places where it is
// called. It must not know how trees are drawn.

import type {ComponentChildren} from "preact";
import {useMemo, useState} from "preact/hooks";
import {cpu, percent} from "../data/numbers.ts";
import {Flame} from "../flame/Flame.tsx";
import {Shape, useShaped} from "../flame/Shape.tsx";
import {functionKey, functionsOf, nameOf} from "../model/functions.ts";
import {sandwich, type Sandwich as Parts} from "../model/sandwich.ts";
import type {Tree} from "../model/tree.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";
import {signedCpu} from "./bars.tsx";
import {Combobox, type Option} from "./Combobox.tsx";
import {searched} from "./order.ts";
import {toSource} from "./TopTable.tsx";

export function Sandwich({store, view, profile}: PaneProps) {
  if (!profile.value) return null;
  // With another function chosen it begins anew.
  return <OfTree key={view.chosen} store={store} view={view} whole={profile.value.tree} />;
}

function OfTree({store, view, whole}: {store: Store; view: View; whole: Tree}) {
  const tree = useShaped(whole, view);
  const made = useMemo(() => (view.chosen === "" ? null : sandwich(tree, view.chosen)), [tree, view.chosen]);
  const [choosing, setChoosing] = useState(false);
  if (!made || choosing) {
    const why = made ? "" : view.chosen === "" ? "Which function?" : `${view.chosen} is on no stack here. Which other function?`;
    return (
      <section class="sandwich-pane" aria-label="Sandwich">
        <div class="tools"><Shape store={store} view={view} whole={whole} /></div>
        {why !== "" && <p class="ask">{why}</p>}
        <FunctionChooser tree={tree} onChoose={(chosen) => {
          store.set({chosen});
          setChoosing(false);
        }} onCancel={made ? () => setChoosing(false) : null} />
      </section>
    );
  }
  return (
    <section class="sandwich-pane" aria-label="Sandwich">
      <Title store={store} total={whole.total[0]!} made={made} onChange={() => setChoosing(true)}>
        <Shape store={store} view={view} whole={whole} />
      </Title>
      <Half store={store} view={view} name="callers" tree={made.callers} />
      <Half store={store} view={view} name="callees" tree={made.callees} />
    </section>
  );
}

interface TitleProps {
  store: Store;
  /** Of the whole profile. */
  total: number;
  made: Parts;
  onChange: () => void;
  children: ComponentChildren;
}

function Title({store, total, made, onChange, children}: TitleProps) {
  const tree = made.callees;
  const frame = tree.frames[tree.frame[0]!]!;
  const self = tree.self[0]!;
  const share = (part: number) => percent(total > 0 ? part / total : 0);
  return (
    <div class="tools">
      <h2>{nameOf(frame)}</h2>
      <span class="idle" title={frame.file}>{frame.file}</span>
      {tree.before
        ? <span>{cpu(made.before)} before, {cpu(made.total)} after: {signedCpu(made.total - made.before)}</span>
        : <span>total {cpu(made.total * tree.secondsPerSample)}, {share(made.total)}; self {cpu(self * tree.secondsPerSample)}, {share(self)}</span>}
      <button type="button" onClick={onChange}>Another function</button>
      {frame.file !== "" && <button type="button" onClick={() => toSource(store, frame)}>Source</button>}
      {children}
    </div>
  );
}

const TITLES = {callers: "Callers", callees: "Callees"};

interface HalfProps {
  store: Store;
  view: View;
  name: "callers" | "callees";
  tree: Tree;
}

function Half({store, view, name, tree}: HalfProps) {
  const icicle = name === "callees";
  const path = view[name].join("\n");
  const zoom = useMemo(() => view[name].slice(1), [path]);
  const {pattern} = useMemo(() => searched(view.search), [view.search]);
  const none = tree.frame.length <= 1;
  return (
    <div class={`half ${name}`}>
      <h3>{TITLES[name]}{none && <span class="idle">: {icicle ? "it calls nothing" : "nothing calls it: it is where stacks begin"}</span>}</h3>
      <div class="picture">
        <Flame tree={tree} icicle={icicle} zoom={zoom} onZoom={(to) => store.set({[name]: [view.chosen, ...to]})} search={pattern} chosen={view.chosen}
          onChoose={(frame) => store.set({chosen: functionKey(frame)})} colour={view.colour} label={TITLES[name]} />
      </div>
    </div>
  );
}

function FunctionChooser({tree, onChoose, onCancel}: {tree: Tree; onChoose: (key: string) => void; onCancel: (() => void) | null}) {
  const options = useMemo(() => optionsOf(tree), [tree]);
  return <Combobox label="Function" placeholder="Type a name or a file" options={options} onChoose={onChoose} always
    {...(onCancel ? {onClose: onCancel, focus: true} : {})} />;
}

/** Every function, those that use most themselves first. */
function optionsOf(tree: Tree): Option[] {
  const functions = functionsOf(tree);
  const most = (list: Float64Array, before: Float64Array | undefined, at: number) => Math.max(list[at]!, before?.[at] ?? 0);
  const self = (at: number) => most(functions.self, functions.before?.self, at);
  const total = (at: number) => most(functions.total, functions.before?.total, at);
  const whole = most(tree.total, tree.before?.total, 0);
  return functions.keys
    .map((_, at) => at)
    .filter((at) => total(at) > 0)
    .sort((a, b) => self(b) - self(a) || total(b) - total(a))
    .map((at) => ({
      value: functions.keys[at]!,
      text: nameOf(functions.frames[at]!),
      detail: functions.frames[at]!.file,
      amount: cpu(self(at) * tree.secondsPerSample),
      share: whole > 0 ? self(at) / whole : 0,
    }));
}

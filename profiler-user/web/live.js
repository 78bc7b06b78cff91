// The live page: asks the agent once a second and shows what it says. Its state is the address's query, so that a view
// can be shared. Everything from the agent goes into the page as text, never as markup.

import {Flame} from "/flame.js";

const INTERVAL = 1000;
const TIMEOUT = 5000;
const element = (id) => document.getElementById(id);
const HINT = element("details").textContent;
const state = readState();
let paused = false;
let running = null; // AbortController of the requests that are under way.
let timer = 0;
let listed = ""; // The process list as it is in the select.

const flame = new Flame(element("graph"), {onHover: showDetails, onZoom: () => { showZoom(); writeState(); }});
flame.zoom = state.zoom;
flame.search = state.search.toLowerCase();

function readState() {
  const query = new URLSearchParams(location.search);
  const seconds = Number.parseInt(query.get("seconds"), 10);
  return {
    seconds: seconds > 0 ? seconds : 60,
    pid: query.get("pid") || "",
    lines: query.get("lines") === "1",
    threads: query.get("threads") === "1",
    search: query.get("search") || "",
    zoom: query.get("zoom") || "",
  };
}

// The parameters of this view, as all routes take them.
function query() {
  const query = new URLSearchParams({seconds: state.seconds});
  if (state.pid) query.set("pid", state.pid);
  if (state.lines) query.set("lines", "1");
  if (state.threads) query.set("threads", "1");
  return query;
}

function writeState() {
  element("svg").href = `/flamegraph.svg?${query()}`;
  element("folded").href = `/flamegraph.folded?${query()}`;
  const address = query();
  if (state.search) address.set("search", state.search);
  if (flame.zoom) address.set("zoom", flame.zoom);
  history.replaceState(null, "", `?${address}`);
}

async function ask(path, signal) {
  const answer = await fetch(path, {signal, cache: "no-store"});
  if (answer.status === 401) location.reload(); // The session has ended: asked for as a page, this leads to the login.
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(`${body.error}: ${body.hint}`), {answered: true});
  return body;
}

// One round: the processes and the profile; then again, whatever came of it.
async function poll() {
  clearTimeout(timer);
  running?.abort();
  const mine = running = new AbortController();
  const limit = setTimeout(() => mine.abort(), TIMEOUT);
  try {
    const agent = await ask("/api/v1/processes", mine.signal);
    if (mine !== running) return;
    showProcesses(agent);
    const profile = await ask(`/api/v1/profile?${query()}`, mine.signal);
    if (mine !== running) return;
    showProfile(profile);
    showAgent(agent);
  } catch (error) {
    if (mine !== running) return; // A newer round has begun.
    if (error.answered) {
      showStatus("live", "");
      showMessage(error.message);
    } else {
      showStatus("agent gone, reconnecting", "bad");
    }
    element("graph").classList.add("stale");
  } finally {
    clearTimeout(limit);
    if (mine === running && !paused && !document.hidden) timer = setTimeout(poll, INTERVAL);
  }
}

function showStatus(text, kind) {
  element("status").textContent = text;
  element("status").className = kind;
}

function showMessage(text) {
  element("message").textContent = text;
  element("message").hidden = text === "";
}

function showAgent(agent) {
  if (agent.status === "ready") showStatus(paused ? "paused" : "live", paused ? "idle" : "");
  else showStatus(agent.status === "failed" ? "capture failed" : "starting", "bad");
  const chosen = agent.processes.find((p) => String(p.pid) === state.pid);
  if (agent.message) showMessage(agent.message);
  else if (chosen?.reason_text && flame.tree.total[0] === 0) showMessage(`Not profiled: ${chosen.reason_text}.`);
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function showProcesses(agent) {
  for (const choice of element("seconds").options) choice.disabled = Number(choice.value) > agent.retention_seconds;
  const processes = [...agent.processes].sort((a, b) => b.cpu_seconds - a.cpu_seconds || a.pid - b.pid);
  const choices = [["", "all processes"]];
  for (const p of processes) {
    const what = p.reason_text ?? (p.python_version ? `Python ${p.python_version}` : p.state);
    choices.push([String(p.pid), `${p.pid} ${p.command} (${what})`]);
  }
  if (!choices.some(([value]) => value === state.pid)) choices.push([state.pid, `${state.pid} (not known)`]);
  // Only the same processes in another order: leave the list alone, it may be open.
  const now = JSON.stringify([...choices].sort());
  if (now === listed) return;
  listed = now;
  element("pid").replaceChildren(...choices.map(([value, text]) => option(value, text)));
  element("pid").value = state.pid;
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
const count = (samples) => `${samples.toLocaleString("en")} sample${samples === 1 ? "" : "s"}`;
const cpu = (seconds) => `${seconds.toFixed(2)} CPU s`;

function showProfile(profile) {
  const {total, unattributed, duration_seconds: duration} = profile;
  element("graph").classList.remove("stale");
  flame.show(profile);
  const used = duration > 0 ? `, ${(total.cpu_seconds / duration).toFixed(2)} CPUs on average` : "";
  const matched = state.search ? `; the search matches ${percent(flame.matched())}` : "";
  const summary = `${profile.subject}: ${count(total.samples)}, ${cpu(total.cpu_seconds)} in ${duration.toFixed(0)} s` +
    `${used}${matched}`;
  element("summary").textContent = summary;
  element("graph").setAttribute("aria-label", `Flame graph of ${summary}`);
  document.title = `${profile.subject} – firetower`;
  showMessage(total.samples === 0 ? `No CPU was used in the last ${state.seconds} s. Waiting.` : "");
  showUnattributed(unattributed, total.samples);
  showZoom();
}

function showUnattributed(unattributed, samples) {
  const box = element("unattributed");
  box.hidden = unattributed.samples === 0;
  if (box.hidden) return;
  const [largest] = unattributed.reasons;
  box.querySelector("summary").textContent =
    `${percent(unattributed.samples / samples)} not attributed to a whole Python stack, most: ${largest.text}`;
  box.querySelector("ul").replaceChildren(...unattributed.reasons.map((reason) => {
    const item = document.createElement("li");
    item.textContent = `${reason.text}: ${count(reason.samples)}, ${cpu(reason.cpu_seconds)}, ` +
      percent(reason.samples / samples);
    return item;
  }));
}

function showZoom() {
  const box = element("zoom");
  box.hidden = flame.zoom === "";
  if (box.hidden || !flame.tree) return;
  const node = flame.zoomed();
  box.querySelector("span").textContent = node < 0 ? "What is zoomed to has no samples now." : flame.frame(node).text;
}

function showDetails(node) {
  element("details").textContent = HINT;
  if (node < 0) return;
  const {profile, total, self} = flame.tree;
  const share = total[node] / total[0];
  const own = self[node] / total[0];
  const frame = node === 0 ? {text: "all"} : flame.frame(node);
  const first = frame.first_line ? `, defined at line ${frame.first_line}` : "";
  element("details").textContent = `${frame.text}${first}: ${count(total[node])}, ` +
    `${cpu(profile.total.cpu_seconds * share)}, ${percent(share)}; itself ${count(self[node])}, ` +
    `${cpu(profile.total.cpu_seconds * own)}, ${percent(own)}`;
}

// Changes the view and asks at once.
function change(name, value, unzoom) {
  state[name] = value;
  if (unzoom) flame.zoom = "";
  writeState();
  poll();
}

function connect() {
  const seconds = element("seconds");
  if (![...seconds.options].some((choice) => choice.value === String(state.seconds))) {
    seconds.append(option(state.seconds, `${state.seconds} s`));
  }
  seconds.value = state.seconds;
  element("lines").value = state.lines ? "1" : "";
  element("threads").checked = state.threads;
  element("search").value = state.search;
  seconds.addEventListener("change", () => change("seconds", Number(seconds.value), false));
  element("pid").addEventListener("change", (event) => change("pid", event.target.value, true));
  element("lines").addEventListener("change", (event) => change("lines", event.target.value === "1", true));
  element("threads").addEventListener("change", (event) => change("threads", event.target.checked, true));
  element("search").addEventListener("input", (event) => {
    state.search = event.target.value;
    flame.search = state.search.toLowerCase();
    if (flame.tree) showProfile(flame.tree.profile);
    writeState();
  });
  element("pause").addEventListener("click", () => {
    paused = !paused;
    element("pause").textContent = paused ? "Go on" : "Pause";
    element("pause").setAttribute("aria-pressed", String(paused));
    if (paused) showStatus("paused", "idle");
    clearTimeout(timer);
    if (!paused) poll();
  });
  element("unzoom").addEventListener("click", () => flame.zoomTo(""));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") flame.zoomTo("");
  });
  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !paused) poll();
  });
}

connect();
writeState();
poll();

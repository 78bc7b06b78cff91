// A flame graph on a canvas, root at the top. It gets call trees (the answer of /api/v1/profile) and draws them; it
// knows nothing of where they come from. Names are data: they are measured and drawn, never parsed as markup.

const ROW = 18;
const FONT = "12px ui-monospace, monospace";
// Hue, saturation and lightness by origin; the name varies the lightness, so that neighbours differ.
const COLORS = {
  own: [30, 82, 62], package: [116, 40, 66], library: [208, 66, 71],
  kernel: [279, 52, 76], label: [60, 8, 80], unknown: [60, 3, 65],
};

function hash(text, seed) {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

export class Flame {
  constructor(canvas, {onHover, onZoom}) {
    this.canvas = canvas;
    this.tree = null;
    this.zoom = ""; // Key of the node that is zoomed to: stays while the data changes, even if it has none.
    this.search = "";
    this.hovered = -1;
    this.boxes = []; // What is drawn: {node, x, y, width}.
    this.onHover = onHover;
    this.onZoom = onZoom;
    canvas.addEventListener("mousemove", (event) => this.hover(this.at(event)));
    canvas.addEventListener("mouseleave", () => this.hover(-1));
    canvas.addEventListener("click", (event) => {
      const node = this.at(event);
      if (node >= 0) this.zoomTo(node === 0 ? "" : this.tree.key[node]);
    });
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  // Takes a new tree; zoom and search stay.
  show(profile) {
    const {frame, parent, total} = profile.nodes;
    const count = frame.length;
    const hashes = profile.frames.map((f) => hash(f.text, 0x811c9dc5));
    const tree = {...profile.nodes, profile, x: new Float64Array(count), depth: new Uint32Array(count), key: [""]};
    const used = new Float64Array(count); // How much of a node its children so far take.
    const path = new Uint32Array(count);
    for (let i = 1; i < count; i++) {
      const p = parent[i];
      tree.depth[i] = tree.depth[p] + 1;
      tree.x[i] = tree.x[p] + used[p];
      used[p] += total[i];
      path[i] = Math.imul(path[p] ^ hashes[frame[i]], 0x9e3779b1) >>> 0;
      tree.key[i] = `${tree.depth[i]}-${path[i].toString(16)}`;
    }
    this.tree = tree;
    const key = this.hoveredKey;
    this.hovered = key === undefined ? -1 : tree.key.indexOf(key);
    this.draw();
    this.onHover(this.hovered);
  }

  zoomTo(key) {
    this.zoom = key;
    this.draw();
    this.onZoom();
  }

  // The node that is zoomed to: 0 for none, -1 if it has no samples now.
  zoomed() {
    return this.zoom === "" ? 0 : this.tree.key.indexOf(this.zoom);
  }

  // Share of all samples in frames that match the search, each counted once.
  matched() {
    const {tree} = this;
    let sum = 0;
    for (let i = 1, below = Infinity; i < tree.key.length; i++) {
      if (tree.depth[i] > below) continue;
      below = Infinity;
      if (this.matches(i)) {
        sum += tree.total[i];
        below = tree.depth[i];
      }
    }
    return tree.total[0] ? sum / tree.total[0] : 0;
  }

  matches(node) {
    return this.search !== "" && node > 0 && this.frame(node).text.toLowerCase().includes(this.search);
  }

  frame(node) {
    return this.tree.profile.frames[this.tree.frame[node]];
  }

  draw() {
    const {canvas, tree} = this;
    this.boxes = [];
    const root = tree ? this.zoomed() : -1;
    const width = canvas.parentElement.clientWidth - 32;
    if (width <= 0) return;
    if (root >= 0 && tree.total[root] > 0) this.layout(root, width);
    const rows = this.boxes.reduce((most, box) => Math.max(most, box.y / ROW + 1), 0);
    const scale = window.devicePixelRatio || 1;
    canvas.style.height = `${rows * ROW}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(rows * ROW * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.font = FONT;
    context.textBaseline = "middle";
    const letter = context.measureText("m").width;
    for (const box of this.boxes) this.drawBox(context, box, letter);
  }

  // Boxes of the zoomed node, those below it as wide as it, and what is above it.
  layout(root, width) {
    const {tree} = this;
    for (let node = root; ; node = tree.parent[node]) {
      this.boxes.push({node, x: 0, y: tree.depth[node] * ROW, width, base: node !== root});
      if (node === 0) break;
    }
    const perSample = width / tree.total[root];
    for (let i = root + 1; i < tree.key.length && tree.depth[i] > tree.depth[root]; i++) {
      const box = {node: i, x: (tree.x[i] - tree.x[root]) * perSample, y: tree.depth[i] * ROW,
        width: tree.total[i] * perSample};
      if (box.width >= 0.5) this.boxes.push(box);
    }
  }

  drawBox(context, {node, x, y, width, base}, letter) {
    const frame = node === 0 ? {text: "all", origin: "label"} : this.frame(node);
    const [hue, saturation, lightness] = COLORS[frame.origin] || COLORS.unknown;
    const shade = lightness + hash(frame.text, 7) % 9 - 4;
    context.globalAlpha = base ? 0.6 : 1;
    context.fillStyle = this.matches(node) ? "#e040c8" : `hsl(${hue} ${saturation}% ${shade}%)`;
    const gap = width > 3 ? 1 : 0;
    context.fillRect(x, y, width - gap, ROW - 1);
    if (node === this.hovered) {
      context.strokeStyle = "#000";
      context.strokeRect(x + 0.5, y + 0.5, Math.max(width - gap - 1, 0), ROW - 2);
    }
    const room = Math.floor((width - 8) / letter);
    if (room < 3) return;
    context.globalAlpha = 1;
    context.fillStyle = "#111";
    // What does not fit loses the file's directories first, then its end.
    const text = frame.text.length > room ? frame.text.replace(/\(.*\//, "(") : frame.text;
    const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text;
    context.fillText(cut, x + 4, y + ROW / 2, width - 6);
  }

  // The node under the pointer, or -1.
  at(event) {
    const {offsetX, offsetY} = event;
    const hit = this.boxes.find(({x, y, width}) => offsetX >= x && offsetX < x + width && offsetY >= y && offsetY < y + ROW);
    return hit ? hit.node : -1;
  }

  hover(node) {
    if (node === this.hovered) return;
    this.hovered = node;
    this.hoveredKey = node >= 0 ? this.tree.key[node] : undefined;
    this.canvas.classList.toggle("over", node >= 0);
    this.draw();
    this.onHover(node);
  }
}

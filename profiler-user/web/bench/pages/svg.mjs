// What the benchmark asks of inferno's SVG, which has a script of its own.

const boxes = () => [...document.querySelectorAll("#frames > g")];

function pointOf(depth) {
  const rectangle = (g) => g.querySelector("rect");
  const tops = [...new Set(boxes().map((g) => Number(rectangle(g).getAttribute("y"))))];
  const widest = (one, other) => (rectangle(other).width.baseVal.value > rectangle(one).width.baseVal.value ? other : one);
  const root = boxes().reduce(widest);
  const from = Number(rectangle(root).getAttribute("y"));
  const top = tops.sort((a, b) => Math.abs(a - from) - Math.abs(b - from))[depth];
  const shown = boxes().filter((g) => Number(rectangle(g).getAttribute("y")) === top);
  return {element: rectangle(shown.reduce(widest)), x: 0, y: 0};
}

window.bench = {boxes: () => boxes().length, pointOf, root: () => pointOf(0), moves: false};

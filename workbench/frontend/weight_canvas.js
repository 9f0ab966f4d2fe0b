// The histogram on a canvas: the original as an outline, what is left as bars.

const LABELS = 18;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} what `edges`, `original` and `left` counts between them, `threshold`,
 *   and `colours` by name
 */
export function drawWeights(canvas, { edges, original, left, threshold, colours }) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const bins = original.length;
  const floor = height - LABELS;
  const most = original.reduce((a, b) => Math.max(a, b), 1);
  const span = edges[bins] - edges[0];
  const x = (value) => ((value - edges[0]) / span) * width;
  const y = (count) => floor - Math.min(count / most, 1) * (floor - 4);

  outline(pen, original, x, y, edges, floor);
  pen.fillStyle = colours["original-soft"];
  pen.fill();
  pen.fillStyle = colours.before;
  for (let at = 0; at < bins; at++) {
    if (left[at] > 0) pen.fillRect(x(edges[at]) + 0.5, y(left[at]), width / bins - 1, floor - y(left[at]));
  }
  outline(pen, original, x, y, edges, floor);
  pen.strokeStyle = colours.original;
  pen.lineWidth = 1.5;
  pen.stroke();
  if (threshold > 0) cuts(pen, [x(-threshold), x(threshold)], floor, colours.threshold);
  pen.strokeStyle = colours.grid;
  line(pen, 0, floor, width, floor);
  axis(pen, edges, x, height, width, colours.muted);
}

function outline(pen, counts, x, y, edges, floor) {
  pen.beginPath();
  pen.moveTo(0, floor);
  counts.forEach((count, at) => {
    pen.lineTo(x(edges[at]), y(count));
    pen.lineTo(x(edges[at + 1]), y(count));
  });
  pen.lineTo(x(edges[edges.length - 1]), floor);
}

function cuts(pen, places, floor, colour) {
  pen.strokeStyle = colour;
  pen.setLineDash([6, 4]);
  for (const place of places) line(pen, place, 0, place, floor);
  pen.setLineDash([]);
}

function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function axis(pen, edges, x, height, width, colour) {
  pen.fillStyle = colour;
  pen.font = "12px sans-serif";
  const half = (edges[edges.length - 1] - edges[0]) / 2;
  const power = 10 ** Math.floor(Math.log10(half));
  const step = [5, 2, 1, 0.5].map((part) => part * power).find((at) => at <= 0.9 * half);
  const places = [-step, 0, step];
  for (const value of places) {
    pen.textAlign = "center";
    const place = Math.min(Math.max(x(value), 16), width - 16);
    const text = String(Number(value.toPrecision(2))).replace("-", "\u2212");
    pen.fillText(text, place, height - 4);
  }
}

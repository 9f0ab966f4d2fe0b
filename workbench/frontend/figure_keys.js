// A chart's points by keyboard: arrows walk, Enter and Space choose, Escape leaves.

const STEPS = {
  ArrowRight: (at, last) => Math.min(at + 1, last),
  ArrowLeft: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
};

/**
 * The points that carry customdata, from left to right, as plotly.js counts them.
 *
 * @param {object[]} data drawn traces
 */
export function choosable(data) {
  const points = [];
  data.forEach((trace, curveNumber) => {
    Array.from(trace.customdata ?? []).forEach((customdata, pointNumber) => {
      if (customdata === null || customdata === undefined) return;
      points.push({ curveNumber, pointNumber, customdata, x: trace.x?.[pointNumber] });
    });
  });
  return points.sort((one, other) => (one.x < other.x ? -1 : Number(one.x > other.x)));
}

/**
 * Let the keyboard reach the points.
 *
 * @param {HTMLElement} plot where plotly.js draws; it takes the focus
 * @param {object} Plotly
 * @param {(customdata: *) => void} choose called with the chosen point's customdata
 * @param {(text: string) => void} announce called with the label of the point
 * @param {AbortSignal} signal
 */
export function walkPoints({ plot, Plotly, choose, announce, signal }) {
  let at = -1;
  const show = (point) => {
    const { curveNumber, pointNumber } = point;
    Plotly.Fx.hover(plot, [{ curveNumber, pointNumber }]);
    announce(labelOf(plot.data[curveNumber], pointNumber));
  };
  const key = (event) => {
    const points = choosable(plot.data ?? []);
    if (!points.length) return;
    if (STEPS[event.key]) {
      at = at < 0 ? 0 : STEPS[event.key](Math.min(at, points.length - 1), points.length - 1);
      show(points[at]);
    } else if ((event.key === "Enter" || event.key === " ") && points[at]) {
      choose(points[at].customdata);
    } else if (event.key === "Escape") {
      at = -1;
      Plotly.Fx.unhover(plot);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  plot.addEventListener("keydown", key, { signal });
  plot.addEventListener("blur", () => Plotly.Fx.unhover(plot), { signal });
}

function labelOf(trace, point) {
  const text = trace.hovertext ?? trace.text;
  const own = Array.isArray(text) ? text[point] : text;
  const plain = String(own ?? `${trace.x?.[point]}, ${trace.y?.[point]}`);
  return [trace.name, plain.replace(/<[^>]+>/g, " ")].filter(Boolean).join(": ");
}

// From the kernel's figure to what plotly.js draws on this page.

const TYPED = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array,
  i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array,
};

/**
 * A copy of Plotly JSON with colour variables as colours and buffers as arrays.
 *
 * @param {*} value any part of the figure; `{dtype, shape, bytes: DataView}` is an
 *   array that came as a binary buffer
 * @param {(text: string) => string} colour see `colourReader`
 */
export function resolved(value, colour) {
  if (typeof value === "string") return colour(value);
  if (Array.isArray(value)) {
    return isPlain(value) ? value : value.map((item) => resolved(item, colour));
  }
  if (value === null || typeof value !== "object") return value;
  if (value.bytes instanceof DataView) return typedArray(value);
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, resolved(item, colour)]));
}

// Long lists of numbers are the bulk of a figure, and hold nothing to resolve.
function isPlain(list) {
  return list.every((item) => typeof item === "number");
}

function typedArray({ dtype, shape, bytes }) {
  const { buffer, byteOffset, byteLength } = bytes;
  const copy = buffer.slice(byteOffset, byteOffset + byteLength);
  const flat = new TYPED[dtype](copy);
  if (shape.length < 2) return flat;
  const rows = Array.from({ length: shape[0] }, (_, row) => row * shape[1]);
  return rows.map((start) => flat.subarray(start, start + shape[1]));
}

/** What every chart has unless it says otherwise: the page's colours and font. */
export function themeTemplate(colour, family) {
  const axis = {
    gridcolor: colour("var(--wb-grid, #d9d9d9)"),
    zerolinecolor: colour("var(--wb-grid, #d9d9d9)"),
    linecolor: colour("var(--wb-muted, #666666)"),
    automargin: true,
  };
  const surface = colour("var(--wb-surface, #ffffff)");
  const text = colour("var(--wb-text, #222222)");
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, size: 12, family },
      colorway: ["original", "before", "after", "budget", "zero"].map((name) =>
        colour(`var(--wb-${name}, #666666)`),
      ),
      hoverlabel: { bgcolor: surface, bordercolor: axis.linecolor, font: { color: text } },
      legend: { bgcolor: "rgba(0,0,0,0)", orientation: "h", y: 1.02, yanchor: "bottom" },
      margin: { l: 48, r: 12, t: 28, b: 40 },
      xaxis: axis,
      yaxis: axis,
    },
  };
}

/** plotly.js' two separators, decimal and thousands, of a language. */
export function separators(lang) {
  const parts = new Intl.NumberFormat(lang || "en").formatToParts(1234567.8);
  const find = (type, otherwise) =>
    parts.find((part) => part.type === type)?.value ?? otherwise;
  return find("decimal", ".") + find("group", ",");
}

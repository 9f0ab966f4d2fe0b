// Histogram, sparsity and SQNR while a slider moves, from bins that were sent once:
// see panels/live_weights.py.
import { colourReader, watchTheme } from "./theme.js";
import {
  compressed, decibel, gridOf, histogram, lampThresholds, thresholdFor, weightIndex,
} from "./weight_index.js";
import { drawWeights } from "./weight_canvas.js";

const BINS = 121;
const WISHES = ["sparsity", "threshold", "bits"];

function received({ path, fraction, edges, counts, first, second }) {
  const own = ({ buffer, byteOffset, byteLength }) =>
    buffer.slice(byteOffset, byteOffset + byteLength);
  const index = weightIndex({
    edges: new Float32Array(own(edges)),
    counts: new Uint32Array(own(counts)),
    first: new Float32Array(own(first)),
    second: new Float32Array(own(second)),
  });
  return { path, fraction, ...index };
}

function sharedEdges(indexes) {
  const largest = indexes.reduce((most, i) => Math.max(most, -i.low, i.high), 0) || 1;
  const width = (2 * largest) / (BINS - 1);
  return Float64Array.from({ length: BINS + 1 }, (_, at) => (at - BINS / 2) * width);
}

/**
 * What a wish does to every tensor.
 *
 * @param {object[]} indexes
 * @param {{by, sparsity, threshold, bits, scope, symmetric}} wish
 * @param {Set<string>} selected paths whose weights go into the histogram
 */
function follow(indexes, wish, selected, edges) {
  const common =
    wish.by === "threshold" ? wish.threshold
      : wish.scope === "global" ? thresholdFor(indexes, wish.sparsity)
        : null;
  const scored = wish.scope === "lamp" ? lampThresholds(indexes, wish.sparsity) : null;
  const left = new Float64Array(BINS);
  const width = edges[1] - edges[0];
  const each = (value, count) => {
    left[Math.min(Math.max(Math.floor((value - edges[0]) / width), 0), BINS - 1)] += count;
  };
  const tensors = indexes.map((index, at) => {
    const threshold = common ?? scored?.[at] ?? thresholdFor([index], wish.sparsity);
    const grid = gridOf(index, wish.bits, wish.symmetric, index.fraction);
    const isShown = selected.has(index.path);
    const { zeros, noise } = compressed(index, threshold, grid, isShown ? each : undefined);
    const { path, size, signal } = index;
    return { path, size, signal, zeros, noise, threshold, isShown };
  });
  // Several tensors, each with its own threshold, have none in common.
  const shown = tensors.filter((tensor) => tensor.isShown);
  const threshold = common ?? (shown.length === 1 ? shown[0].threshold : 0);
  return { left, threshold, tensors };
}

function together(tensors) {
  const sum = (name) => tensors.reduce((total, tensor) => total + tensor[name], 0);
  return {
    sparsity: sum("zeros") / (sum("size") || 1),
    sqnr: decibel(sum("signal"), sum("noise")),
  };
}

function sliderRow(host, name, model, moved) {
  const { low, high, step, label } = model.get("sliders")[name];
  const row = host.appendChild(document.createElement("label"));
  row.className = "wb-weights-slider";
  const words = row.appendChild(document.createElement("span"));
  words.textContent = label;
  const input = Object.assign(document.createElement("input"), {
    type: "range", min: low, max: high, step, value: model.get(name),
  });
  row.append(input);
  const output = row.appendChild(document.createElement("output"));
  // Past the widest grid there is only float.
  const read = () => (name === "bits" && input.value > 16 ? 32 : Number(input.value));
  const show = () => (output.textContent = String(Number(read().toPrecision(3))));
  input.addEventListener("input", () => (show(), moved(name, read())));
  show();
  return (value) => {
    if (document.activeElement !== input) input.value = value;
    show();
  };
}

// An ipywidgets slider's value, or the number that a selection slider's label says;
// a label that is no number stands for float.
function valueOf(slider) {
  if (slider.get("_options_labels") === undefined) return slider.get("value");
  return Number.parseInt(slider.get("_options_labels")[slider.get("index")], 10) || 32;
}

async function render({ model, el, signal }) {
  el.classList.add("wb-weights");
  const numbers = el.appendChild(document.createElement("div"));
  numbers.className = "wb-weights-numbers wb-number";
  const canvas = el.appendChild(document.createElement("canvas"));
  canvas.setAttribute("role", "img");
  const shows = {};

  let indexes = [];
  let edges, original;
  let colours = null;
  let asked = false;
  const moves = {};
  const wish = () => ({
    ...Object.fromEntries(
      [...WISHES, "by", "scope", "symmetric"].map((name) => [name, model.get(name)]),
    ),
    ...moves,
  });

  const draw = () => {
    asked = false;
    if (signal.aborted || !indexes.length) return;
    const began = performance.now();
    const selected = new Set(model.get("selected"));
    const now = wish();
    const result = follow(indexes, now, selected, edges);
    const shown = result.tensors.filter((tensor) => tensor.isShown);
    const exact = exactFor(model.get("exact"), now);
    const total = exact ?? { ...together(shown), threshold: result.threshold };
    el.dataset.approximate = String(!exact);
    numbers.textContent = sentence(model.get("words"), total, !exact, model.get("lang"));
    canvas.setAttribute("aria-label", numbers.textContent);
    colours ??= readColours(canvas);
    drawWeights(canvas, { edges, original, ...result, ...total, colours });
    el.dataset.milliseconds = String(performance.now() - began);
    const detail = Object.fromEntries(result.tensors.map((t) => [t.path, together([t])]));
    window.dispatchEvent(new CustomEvent("workbench:live", { detail }));
  };
  const soon = () => {
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  };
  const select = () => {
    const chosen = indexes.filter(({ path }) => model.get("selected").includes(path));
    edges = sharedEdges(chosen);
    original = new Float64Array(BINS);
    for (const index of chosen) {
      histogram(index, edges).forEach((count, at) => (original[at] += count));
    }
    soon();
  };
  const load = () => {
    indexes = model.get("tensors").map(received);
    select();
  };
  const move = (name, value) => {
    moves[name] = value;
    if (name !== "bits") moves.by = name;
    soon();
  };

  for (const name of Object.keys(model.get("sliders"))) {
    shows[name] = sliderRow(el, name, model, (changed, value) => {
      move(changed, value);
      model.set({ [changed]: value, by: wish().by });
      model.save_changes();
    });
  }
  // The kernel's word replaces what the hand did before it.
  for (const name of WISHES) {
    model.on(`change:${name}`, () => {
      delete moves[name];
      shows[name]?.(model.get(name));
    });
  }
  model.on("change:by", () => delete moves.by);
  model.on("change:tensors", load);
  model.on("change:selected", select);
  model.on("change:sparsity change:threshold change:bits change:by", soon);
  model.on("change:scope change:symmetric change:exact change:words", soon);
  watchTheme(() => ((colours = null), soon()), signal);
  const observer = new ResizeObserver(soon);
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  load();

  for (const [name, id] of Object.entries(model.get("followed"))) {
    const slider = await model.widget_manager.get_model(id);
    // What the kernel shows on a slider is not a hand that moves it.
    const hear = () => slider._state_lock ?? move(name, valueOf(slider));
    slider.on("change:value change:index", hear);
    signal.addEventListener("abort", () => slider.off("change:value change:index", hear));
  }
}

function exactFor(exact, now) {
  if (!exact.wish) return null;
  const same = (name) => Math.abs(exact.wish[name] - now[name]) < 1e-9;
  const isSame = exact.wish.by === now.by && same(now.by) && same("bits");
  return isSame ? exact : null;
}

function sentence(words, { sparsity, sqnr, threshold }, isApproximate, lang) {
  const about = isApproximate ? "≈ " : "";
  const equals = isApproximate ? "≈" : "=";
  const number = (value, digits) =>
    value.toLocaleString(lang, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const db = sqnr !== null && Number.isFinite(sqnr) ? `${number(sqnr, 1)} dB` : "∞ dB";
  const parts = [
    `${words.sparsity} ${about}${number(100 * sparsity, 1)} %`,
    `${words.sqnr} ${about}${db}`,
    threshold > 0 ? `T ${equals} ${threshold.toPrecision(3)}` : "",
    isApproximate ? words.approximate : words.exact,
  ];
  return parts.filter(Boolean).join(" · ");
}

function readColours(canvas) {
  const colour = colourReader(canvas.parentElement);
  const names = ["original", "original-soft", "before", "threshold", "muted", "grid"];
  return Object.fromEntries(names.map((name) => [name, colour(`var(--wb-${name})`)]));
}

export default { render };

// Histogram, sparsity and SQNR while a slider moves, from bins that were sent once:
// see panels/live_weights.py.
import { colourReader, watchTheme } from "./theme.js";
import { barEdges, estimate, originalBars, thresholdsFor, together } from "./weight_estimate.js";
import { drawWeights } from "./weight_canvas.js";
import { rangeSearch } from "./weight_range.js";
import { tensorOf } from "./weight_tensor.js";

const WISHES = ["sparsity", "threshold", "bits", "by"];
const OPTIONS = ["scope", "symmetric", "granularity", "range"];
// A kernel that answers later than this to a hand's last move has its own mind.
const ANSWER_MILLISECONDS = 1000;
const SEARCH_MILLISECONDS = 2;

function sliderRow(host, name, model, moved) {
  const { low, high, step } = model.get("sliders")[name];
  const row = host.appendChild(document.createElement("label"));
  row.className = "wb-weights-slider";
  const words = row.appendChild(document.createElement("span"));
  const label = () => (words.textContent = model.get("words")[name]);
  model.on("change:words", label);
  label();
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

  let tensors = [];
  let search, edges, original;
  let colours = null;
  let asked = false;
  let answered;
  const moves = {};
  const wish = () => ({
    ...Object.fromEntries([...WISHES, ...OPTIONS].map((name) => [name, model.get(name)])),
    ...moves,
  });

  const draw = () => {
    asked = false;
    if (signal.aborted || !tensors.length) return;
    const began = performance.now();
    const now = wish();
    const thresholds = thresholdsFor(tensors, now);
    // What there was no time for is looked for in the next frame.
    if (!search(thresholds, now, SEARCH_MILLISECONDS)) soon();
    const selected = new Set(model.get("selected"));
    const result = estimate(tensors, thresholds, now, selected, edges);
    const exact = exactFor(model.get("exact"), now);
    const shown = result.tensors.filter((tensor) => tensor.isShown);
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
    const chosen = tensors.filter(({ path }) => model.get("selected").includes(path));
    edges = barEdges(chosen);
    original = originalBars(chosen, edges);
    soon();
  };
  const load = () => {
    tensors = model.get("tensors").map(tensorOf);
    // Its place is kept, so that nothing moves under the hand when the bins come.
    el.classList.toggle("wb-awaited", !tensors.length);
    search = rangeSearch(tensors);
    select();
  };
  const move = (name, value) => {
    clearTimeout(answered);
    moves[name] = value;
    if (name !== "bits") moves.by = name;
    soon();
  };
  // While the hand moves, the kernel's word is its answer to where the hand was before:
  // what the hand did holds until the kernel says the same, or says something else for
  // good.
  const forget = (isDone) => {
    for (const name of Object.keys(moves)) if (isDone(name)) delete moves[name];
    soon();
  };
  const hear = () => {
    forget((name) => moves[name] === model.get(name));
    clearTimeout(answered);
    answered = setTimeout(() => forget(() => true), ANSWER_MILLISECONDS);
  };

  for (const name of Object.keys(model.get("sliders"))) {
    shows[name] = sliderRow(el, name, model, (changed, value) => {
      move(changed, value);
      model.set({ [changed]: value, by: wish().by });
      model.save_changes();
    });
  }
  for (const name of WISHES) {
    model.on(`change:${name}`, () => {
      hear();
      shows[name]?.(model.get(name));
    });
  }
  model.on("change:tensors", load);
  model.on("change:selected", select);
  model.on(OPTIONS.map((name) => `change:${name}`).join(" "), soon);
  model.on("change:exact change:words", soon);
  watchTheme(() => ((colours = null), soon()), signal);
  const observer = new ResizeObserver(soon);
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  signal.addEventListener("abort", () => clearTimeout(answered));
  load();

  for (const [name, id] of Object.entries(model.get("followed"))) {
    const slider = await model.widget_manager.get_model(id);
    // What the kernel shows on a slider is not a hand that moves it.
    const follow = () => slider._state_lock ?? move(name, valueOf(slider));
    slider.on("change:value change:index", follow);
    signal.addEventListener("abort", () => slider.off("change:value change:index", follow));
  }
}

function exactFor(exact, now) {
  if (!exact.wish) return null;
  const same = (name) =>
    typeof now[name] === "number"
      ? Math.abs(exact.wish[name] - now[name]) < 1e-9
      : exact.wish[name] === now[name];
  return [now.by, "by", "bits", ...OPTIONS].every(same) ? exact : null;
}

function sentence(words, { sparsity, sqnr, threshold }, isApproximate, lang) {
  const about = isApproximate ? "≈ " : "";
  const equals = isApproximate ? "≈" : "=";
  const number = (value, digits) =>
    value.toLocaleString(lang, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const db = sqnr !== null && Number.isFinite(sqnr) ? `${number(sqnr, 1)} dB` : "∞ dB";
  const parts = [
    `${words.sparsity} ${about}${number(100 * sparsity, 1)}%`,
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

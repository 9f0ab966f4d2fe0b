// What the sliders' wish does to every tensor of a model: pure functions on numbers.
import { decibel, histogram, thresholdFor } from "./weight_index.js";
import { lampThresholds } from "./weight_lamp.js";
import { tensorCompressed } from "./weight_tensor.js";

// As the kernel has them (charts/weights.py), whose counts take the place of these.
const BARS = 121;

/** Bar edges for the weights of some tensors, with zero in the middle of a bar. */
export function barEdges(tensors) {
  const largest = tensors.reduce((most, tensor) => Math.max(most, tensor.largest), 0) || 1;
  const width = (2 * largest) / (BARS - 1);
  return Float64Array.from({ length: BARS + 1 }, (_, at) => (at - BARS / 2) * width);
}

/** Counts of some tensors' original weights between bar edges. */
export function originalBars(tensors, edges) {
  const bars = new Float64Array(BARS);
  for (const group of tensors.flatMap(({ groups }) => groups)) {
    histogram(group, edges).forEach((count, at) => (bars[at] += count));
  }
  return bars;
}

/** Each tensor's threshold for a wish; a gate of a kernel has that of the kernel. */
export function thresholdsFor(tensors, wish) {
  const kernels = tensors.filter(({ path, whole = path }) => whole === path);
  const found = ofKernels(kernels, wish);
  const cuts = new Map(kernels.map(({ path }, at) => [path, found[at]]));
  return tensors.map(({ path, whole = path }) => cuts.get(whole));
}

function ofKernels(tensors, wish) {
  const { by, scope, sparsity } = wish;
  if (by === "threshold") return tensors.map(() => wish.threshold);
  if (scope === "lamp") return lampThresholds(tensors, sparsity);
  if (scope === "tensor") return tensors.map(({ groups }) => thresholdFor(groups, sparsity));
  const common = thresholdFor(tensors.flatMap(({ groups }) => groups), sparsity);
  return tensors.map(() => common);
}

/**
 * What a wish does to every tensor.
 *
 * @param {object[]} tensors
 * @param {number[]} thresholds one for each
 * @param {object} wish
 * @param {Set<string>} selected paths whose weights go into the histogram
 * @param {Float64Array} edges of its bars
 * @returns {{left: Float64Array, threshold: number, tensors: object[]}} bars of what is
 *   left, the one threshold of all that is selected or 0, and each tensor's numbers
 */
export function estimate(tensors, thresholds, wish, selected, edges) {
  const left = new Float64Array(BARS);
  const width = edges[1] - edges[0];
  const each = (value, count) => {
    left[Math.min(Math.max(Math.floor((value - edges[0]) / width), 0), BARS - 1)] += count;
  };
  const results = tensors.map((tensor, at) => {
    const isShown = selected.has(tensor.path);
    const hear = isShown ? each : undefined;
    const { path, size, signal } = tensor;
    const threshold = thresholds[at];
    return { path, size, signal, threshold, isShown, ...tensorCompressed(tensor, threshold, wish, hear) };
  });
  const cuts = new Set(results.filter(({ isShown }) => isShown).map(({ threshold }) => threshold));
  const [first = 0] = cuts;
  return { left, threshold: cuts.size === 1 ? first : 0, tensors: results };
}

/** Sparsity and SQNR of several tensors' results together. */
export function together(results) {
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  return {
    sparsity: sum("zeros") / (sum("size") || 1),
    sqnr: decibel(sum("signal"), sum("noise")),
  };
}

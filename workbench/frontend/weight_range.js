// How much of its range a grid covers: all of it, or what leaves the least error.
import { compressed, gridOf } from "./weight_index.js";

// The fractions that the kernel tries (core/affine.py): even steps from 1 down, and with
// few bits further ones, each a fixed part of the one before. Steps count upwards to 1.
const LEAST = 0.2;
const STEPS = 40;
const FEW_BITS = 3;
const FAR = { steps: 30, most: 0.19, least: 0.02 };
// Where a search begins: near the best for bell-shaped weights, by bits.
const GUESSES = { 2: 20, 3: 24, 4: 28, 5: 33, 6: 37 };

/** The parts of a tensor with a scale each: groups of channels, or the tensor. */
export function partsOf(tensor, { granularity }) {
  return granularity === "tensor" ? [tensor] : tensor.groups;
}

/** The groups of bins in a part. */
export function groupsOf(part) {
  return part.groups ?? [part];
}

/** The grid of a part; null for float. */
export function gridFor(part, { bits, symmetric, range }) {
  const step = range === "mse" ? stepOf(part, bits, symmetric) : STEPS;
  return gridOf(part, bits, symmetric, fractionAt(step));
}

/**
 * A search for the fractions with the least squared error that never takes long.
 *
 * @param {object[]} tensors
 * @returns {(thresholds: number[], wish: object, milliseconds: number) => boolean} goes
 *   on with the search; whether there was time for all of it
 */
export function rangeSearch(tensors) {
  let next = 0;
  return (thresholds, wish, milliseconds) => {
    if (wish.range !== "mse" || wish.bits > 16) return true;
    const parts = tensors.flatMap((tensor, at) =>
      partsOf(tensor, wish).map((part) => [part, thresholds[at]]),
    );
    const end = performance.now() + milliseconds;
    for (let done = 0; done < parts.length; done++) {
      if (performance.now() > end) return false;
      next = (next + 1) % parts.length;
      search(...parts[next], wish);
    }
    return true;
  };
}

function search(part, threshold, { bits, symmetric }) {
  const known = keyOf(bits, symmetric);
  part.steps ??= {};
  part.searched ??= {};
  if (part.searched[known] === threshold) return;
  part.searched[known] = threshold;
  const first = bits > FEW_BITS ? 0 : -FAR.steps;
  const noises = new Map();
  const noise = (step) => {
    if (step < first || step > STEPS) return Infinity;
    if (!noises.has(step)) noises.set(step, noiseAt(part, threshold, bits, symmetric, step));
    return noises.get(step);
  };
  let best = stepOf(part, bits, symmetric);
  for (const stride of [8, 4, 2, 1]) {
    const towards = noise(best - stride) < noise(best) ? -stride : stride;
    while (noise(best + towards) < noise(best)) best += towards;
  }
  part.steps[known] = best;
}

function noiseAt(part, threshold, bits, symmetric, step) {
  const grid = gridOf(part, bits, symmetric, fractionAt(step));
  return groupsOf(part).reduce(
    (sum, group) => sum + compressed(group, threshold, grid).noise, 0,
  );
}

function stepOf(part, bits, symmetric) {
  return part.steps?.[keyOf(bits, symmetric)] ?? GUESSES[bits] ?? STEPS;
}

function keyOf(bits, symmetric) {
  return `${bits} ${symmetric}`;
}

function fractionAt(step) {
  if (step < 0) return FAR.most * (FAR.least / FAR.most) ** ((-1 - step) / (FAR.steps - 1));
  return step === STEPS ? 1 : LEAST + ((1 - LEAST) * step) / STEPS;
}

// A tensor as groups of channels that share bins (core/bins.py), and what becomes of it.
import { compressed, weightIndex } from "./weight_index.js";
import { gridFor, groupsOf, partsOf } from "./weight_range.js";

const ARRAYS = {
  edges: Float32Array, counts: Uint32Array, first: Float32Array, second: Float32Array,
};

/**
 * A tensor from what the kernel sent: see panels/live_weights.py.
 *
 * @param {object} sent `path`, the kernel that it is a gate of or itself as `whole`, `low`, `high`, `groups` with the number of bins and the
 *   range of each, and buffers that hold the bins of all groups, one after another
 */
export function tensorOf({ path, whole, low, high, groups, ...buffers }) {
  const arrays = Object.entries(ARRAYS).map(([name, Numbers]) => {
    const { buffer, byteOffset, byteLength } = buffers[name];
    return [name, new Numbers(buffer.slice(byteOffset, byteOffset + byteLength))];
  });
  let begin = 0;
  const indexes = groups.map(({ bins, ...range }, at) => {
    const [from, to] = [begin, (begin += bins)];
    const own = arrays.map(([name, all]) => [
      name,
      // There is one edge more than bins in each group.
      name === "edges" ? all.subarray(from + at, to + at + 1) : all.subarray(from, to),
    ]);
    return weightIndex(Object.fromEntries(own), range);
  });
  const sum = (name) => indexes.reduce((total, index) => total + index[name], 0);
  return {
    path, whole, low, high, groups: indexes,
    largest: Math.max(-low, high),
    size: sum("size"),
    signal: sum("signal"),
  };
}

/**
 * Zeros and squared error of a tensor after pruning and rounding.
 *
 * @param {object} tensor see `tensorOf`
 * @param {number} threshold
 * @param {{bits, symmetric, granularity, range}} wish
 * @param {(value: number, count: number) => void} [each] hears of the kept weights
 */
export function tensorCompressed(tensor, threshold, wish, each) {
  const total = { zeros: 0, noise: 0 };
  for (const part of partsOf(tensor, wish)) {
    const grid = gridFor(part, wish);
    for (const group of groupsOf(part)) {
      const { zeros, noise } = compressed(group, threshold, grid, each);
      total.zeros += zeros;
      total.noise += noise;
    }
  }
  return total;
}

// What a threshold and a grid do to binned weights: pure functions on numbers.
//
// A bin knows its count and its first two moments about its middle (core/bins.py).
// Where a threshold or a rounding border falls inside a bin, the bin's weights are
// taken as evenly spread over it, unless they are all the same.

// Weights that differ by less than a thousandth of their bin are the same.
const SAME = 1e-6;
const BISECTIONS = 24;

/**
 * @typedef {object} Bins
 * @property {Float32Array} edges ascending, one more than bins
 * @property {Uint32Array} counts
 * @property {Float32Array} first sum of w - middle
 * @property {Float32Array} second sum of (w - middle)^2
 */

/**
 * Add to bins what every move asks for.
 *
 * @param {Bins} bins
 * @param {{low, high, largest}} [range] that a grid covers; the bins' own otherwise
 */
export function weightIndex({ edges, counts, first, second }, range) {
  const below = new Float64Array(edges.length);
  const isPoint = new Uint8Array(counts.length);
  let signal = 0;
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at];
    below[at + 1] = below[at] + count;
    const middle = (edges[at] + edges[at + 1]) / 2;
    signal += second[at] + middle * (2 * first[at] + middle * count);
    const spread = second[at] - first[at] ** 2 / (count || 1);
    isPoint[at] = Number(spread <= SAME * count * (edges[at + 1] - edges[at]) ** 2);
  }
  const low = Math.min(edges[0], 0);
  const high = Math.max(edges[counts.length], 0);
  return {
    edges, counts, first, second, below, isPoint, signal,
    size: below[counts.length],
    ...(range ?? { low, high, largest: Math.max(-low, high) }),
  };
}

/** How many weights lie below a value. */
export function countBelow(index, value) {
  const { edges, below, counts, isPoint } = index;
  if (value <= edges[0]) return 0;
  if (value >= edges[counts.length]) return index.size;
  let low = 0;
  let high = counts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= value) low = middle;
    else high = middle;
  }
  const share = isPoint[low]
    ? Number(pointAt(index, low) < value)
    : (value - edges[low]) / (edges[low + 1] - edges[low]);
  return below[low] + share * counts[low];
}

/** How many weights have a magnitude below a threshold. */
export function prunedBelow(index, threshold) {
  if (threshold <= 0) return 0;
  return countBelow(index, threshold) - countBelow(index, -threshold);
}

/** The threshold that prunes a fraction of the weights of several indexes together. */
export function thresholdFor(indexes, sparsity) {
  const size = indexes.reduce((sum, index) => sum + index.size, 0);
  const wanted = Math.round(sparsity * size);
  if (!wanted) return 0;
  let low = 0;
  let high = indexes.reduce((most, index) => Math.max(most, index.largest), 0);
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    const pruned = indexes.reduce((sum, index) => sum + prunedBelow(index, middle), 0);
    if (pruned < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The uniform grid over a range: `scale`, and its levels from zero.
 *
 * A whole range holds every weight, so nothing is clipped there, whatever a channel's
 * own range is beside the typical one.
 *
 * @param {{low, high, largest}} range
 * @param {number} bits 2 to 16; more is no grid (null)
 * @param {boolean} symmetric the narrow signed grid, else the one from 0 to 2^b - 1
 * @param {number} fraction of the range that the grid covers
 */
export function gridOf({ low, high, largest }, bits, symmetric, fraction = 1) {
  if (bits > 16) return null;
  const most = symmetric ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const whole = (symmetric ? largest : high - low) / most || 1;
  const scale = whole * fraction;
  if (fraction === 1) return { scale, lowest: -Infinity, highest: Infinity };
  if (symmetric) return { scale, lowest: -most, highest: most };
  const zero = Math.min(Math.max(Math.round(-low / whole), 0), most);
  return { scale, lowest: -zero, highest: most - zero };
}

/**
 * Zeros and squared error after pruning below a threshold and rounding to a grid.
 *
 * A model has a hundred thousand bins and a frame 16 ms: the loop makes no objects,
 * and only a bin that a border cuts is looked at more closely.
 *
 * @param {object} index see `weightIndex`
 * @param {number} threshold
 * @param {object|null} grid see `gridOf`
 * @param {(value: number, count: number) => void} [each] hears of the kept weights:
 *   the value that they have now, and how many
 * @returns {{zeros: number, noise: number}}
 */
export function compressed(index, threshold, grid, each) {
  const { edges, counts, first, second, isPoint } = index;
  const total = { zeros: 0, noise: 0 };
  let level = grid ? levelOf(grid, edges[0]) : 0;
  for (let at = 0; at < counts.length; at++) {
    const low = edges[at];
    const high = edges[at + 1];
    const from = level;
    if (grid) level = levelOf(grid, high);
    const count = counts[at];
    if (!count) continue;
    if (isPoint[at]) {
      const weight = pointAt(index, at);
      const isPruned = Math.abs(weight) < threshold;
      const value = isPruned ? 0 : grid ? levelOf(grid, weight) * grid.scale : weight;
      total.noise += count * (weight - value) ** 2;
      if (value === 0) total.zeros += count;
      else if (each) each(value, count);
      continue;
    }
    const isInside = low >= -threshold && high <= threshold;
    const isCut = !isInside && low < threshold && high > -threshold && threshold > 0;
    if (isCut) {
      cutAtThreshold(total, index, at, threshold, grid, each);
    } else if (isInside || (grid && from === level)) {
      const value = isInside ? 0 : from * grid.scale;
      const gap = (low + high) / 2 - value;
      total.noise += second[at] + gap * (2 * first[at] + gap * count);
      if (value === 0) total.zeros += count;
      else if (each) each(value, count);
    } else if (grid) {
      roundEvenly(total, low, high, count, grid, each);
    } else if (each) {
      each((low + high) / 2, count);
    }
  }
  return total;
}

/** Signal to noise in dB; infinite without noise. */
export function decibel(signal, noise) {
  return noise > 0 ? 10 * Math.log10(signal / noise) : Infinity;
}

/** Counts of the original weights between ascending edges. */
export function histogram(index, edges) {
  const counts = new Float64Array(edges.length - 1);
  for (let at = 0; at < counts.length; at++) {
    counts[at] = countBelow(index, edges[at + 1]) - countBelow(index, edges[at]);
  }
  return counts;
}

// The one value of a bin whose weights are the same.
function pointAt({ edges, counts, first }, at) {
  return (edges[at] + edges[at + 1]) / 2 + (counts[at] && first[at] / counts[at]);
}

function levelOf({ scale, lowest, highest }, value) {
  const level = Math.round(value / scale);
  return level < lowest ? lowest : level > highest ? highest : level;
}

// The threshold ends inside this bin: its weights are taken as evenly spread.
function cutAtThreshold(total, { edges, counts }, at, threshold, grid, each) {
  const low = edges[at];
  const high = edges[at + 1];
  const density = counts[at] / (high - low);
  const begin = Math.max(low, -threshold);
  const end = Math.min(high, threshold);
  settle(total, begin, end, density, 0);
  for (const [from, to] of [[low, begin], [end, high]]) {
    if (to <= from) continue;
    const count = density * (to - from);
    if (grid) roundEvenly(total, from, to, count, grid, each);
    else if (each) each((from + to) / 2, count);
  }
}

// Evenly spread weights between two values become one value.
function settle(total, begin, end, density, value) {
  const width = end - begin;
  const gap = (begin + end) / 2 - value;
  total.noise += density * width * (gap * gap + (width * width) / 12);
  if (value === 0) total.zeros += density * width;
}

// Evenly spread weights are rounded, each stretch to its level. Over many levels the
// error is that of any uniform rounding.
function roundEvenly(total, low, high, count, grid, each) {
  const { scale, highest } = grid;
  const from = levelOf(grid, low);
  const to = levelOf(grid, high);
  const density = count / (high - low);
  if (to - from > 16) {
    total.noise += (count * scale * scale) / 12;
    const around = Math.min(high, scale / 2) - Math.max(low, -scale / 2);
    const zeros = density * Math.max(around, 0);
    total.zeros += zeros;
    if (each) each((low + high) / 2, count - zeros);
    return;
  }
  let begin = low;
  for (let level = from; level <= to && begin < high; level++) {
    const end = level === highest ? high : Math.min((level + 0.5) * scale, high);
    if (end <= begin) continue;
    settle(total, begin, end, density, level * scale);
    if (each && level !== 0) each(level * scale, density * (end - begin));
    begin = end;
  }
}

// What a threshold and a grid do to binned weights: pure functions on numbers.
//
// A bin knows its count and its first two moments about its middle (core/bins.py).
// Where a threshold or a rounding border falls inside a bin, the bin's weights are
// taken as evenly spread over it.

/**
 * @typedef {object} Bins
 * @property {Float32Array} edges ascending, one more than bins
 * @property {Uint32Array} counts
 * @property {Float32Array} first sum of w - middle
 * @property {Float32Array} second sum of (w - middle)^2
 */

/** Add to a tensor's bins what every move asks for. */
export function weightIndex({ edges, counts, first, second }) {
  const below = new Float64Array(edges.length);
  let signal = 0;
  for (let at = 0; at < counts.length; at++) {
    below[at + 1] = below[at] + counts[at];
    const middle = (edges[at] + edges[at + 1]) / 2;
    signal += second[at] + middle * (2 * first[at] + middle * counts[at]);
  }
  return {
    edges, counts, first, second, below, signal,
    size: below[counts.length],
    low: edges[0],
    high: edges[edges.length - 1],
  };
}

/** How many weights lie below a value. */
export function countBelow(index, value) {
  const { edges, below, counts } = index;
  if (value <= edges[0]) return 0;
  if (value >= edges[counts.length]) return index.size;
  let low = 0;
  let high = counts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= value) low = middle;
    else high = middle;
  }
  const share = (value - edges[low]) / (edges[low + 1] - edges[low]);
  return below[low] + share * counts[low];
}

/** How many weights have a magnitude below a threshold. */
export function prunedBelow(index, threshold) {
  if (threshold <= 0) return 0;
  return countBelow(index, threshold) - countBelow(index, -threshold);
}

/** The threshold that prunes a fraction of several tensors' weights together. */
export function thresholdFor(indexes, sparsity) {
  const size = indexes.reduce((sum, index) => sum + index.size, 0);
  const wanted = Math.round(sparsity * size);
  if (!wanted) return 0;
  let low = 0;
  let high = indexes.reduce((most, i) => Math.max(most, -i.low, i.high), 0);
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    const pruned = indexes.reduce((sum, index) => sum + prunedBelow(index, middle), 0);
    if (pruned < wanted) low = middle;
    else high = middle;
  }
  return high;
}

const LAMP_STEPS = 256;

/**
 * A tensor's thresholds, how many weights each prunes, and its LAMP score: the square
 * of the threshold over the energy of the weights that are left (core/allocation.py).
 */
function lampTable(index) {
  const largest = Math.max(-index.low, index.high);
  const steps = Array.from({ length: LAMP_STEPS }, (_, at) => {
    const threshold = largest * ((at + 1) / LAMP_STEPS) ** 2;
    const left = index.signal - compressed(index, threshold, null).noise;
    const pruned = Math.min(prunedBelow(index, threshold), index.size - 1);
    return { threshold, pruned, score: threshold ** 2 / Math.max(left, threshold ** 2) };
  });
  return [{ threshold: 0, pruned: 0, score: 0 }, ...steps];
}

/** The threshold and the pruned weights of a tensor at a score, between two steps. */
function atScore(table, score) {
  let low = 0;
  let high = table.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (table[middle].score <= score) low = middle;
    else high = middle;
  }
  const [from, to] = [table[low], table[high]];
  const share = Math.min((score - from.score) / (to.score - from.score || 1), 1);
  return {
    threshold: from.threshold + share * (to.threshold - from.threshold),
    pruned: from.pruned + share * (to.pruned - from.pruned),
  };
}

/** Each tensor's threshold where one LAMP score prunes a fraction of them together. */
export function lampThresholds(indexes, sparsity) {
  const tables = indexes.map((index) => (index.lamp ??= lampTable(index)));
  const wanted = sparsity * indexes.reduce((sum, index) => sum + index.size, 0);
  let low = -40;
  let high = 0;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    const score = Math.exp(middle);
    const pruned = tables.reduce((sum, table) => sum + atScore(table, score).pruned, 0);
    if (pruned < wanted) low = middle;
    else high = middle;
  }
  return tables.map((table) => (wanted ? atScore(table, Math.exp(high)).threshold : 0));
}

/**
 * The uniform grid over a tensor's range: `scale`, and its levels from zero.
 *
 * @param {object} index see `weightIndex`
 * @param {number} bits 2 to 16; more is no grid (null)
 * @param {boolean} symmetric the narrow signed grid, else the one from 0 to 2^b - 1
 * @param {number} fraction of the range that the grid covers
 */
export function gridOf(index, bits, symmetric, fraction = 1) {
  if (bits > 16) return null;
  const low = Math.min(index.low, 0) * fraction;
  const high = Math.max(index.high, 0) * fraction;
  const largest = symmetric ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const scale = (symmetric ? Math.max(-low, high) : high - low) / largest || 1;
  if (symmetric) return { scale, lowest: -largest, highest: largest };
  const zero = Math.min(Math.max(Math.round(-low / scale), 0), largest);
  return { scale, lowest: -zero, highest: largest - zero };
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
  const { edges, counts, first, second } = index;
  const total = { zeros: 0, noise: 0 };
  let level = grid ? levelOf(grid, edges[0]) : 0;
  for (let at = 0; at < counts.length; at++) {
    const low = edges[at];
    const high = edges[at + 1];
    const from = level;
    if (grid) level = levelOf(grid, high);
    const count = counts[at];
    if (!count) continue;
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

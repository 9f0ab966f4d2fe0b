// Thresholds that share one LAMP score, as core/allocation.py finds them.
import { compressed, prunedBelow } from "./weight_index.js";

const LAMP_STEPS = 256;

/** Each tensor's threshold where one LAMP score prunes a fraction of them together. */
export function lampThresholds(tensors, sparsity) {
  const tables = tensors.map((tensor) => (tensor.lamp ??= lampTable(tensor)));
  const wanted = sparsity * tensors.reduce((sum, tensor) => sum + tensor.size, 0);
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
 * A tensor's thresholds, how many weights each prunes, and its LAMP score: the square
 * of the threshold over the energy of the weights that are left.
 */
function lampTable({ groups, size, signal, largest }) {
  const total = (of) => groups.reduce((sum, group) => sum + of(group), 0);
  const steps = Array.from({ length: LAMP_STEPS }, (_, at) => {
    const threshold = largest * ((at + 1) / LAMP_STEPS) ** 2;
    const left = signal - total((group) => compressed(group, threshold, null).noise);
    const pruned = Math.min(total((group) => prunedBelow(group, threshold)), size - 1);
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

// Which chart is drawn first: each takes a tenth of a second, and the page shows one
// before it draws the next.

/**
 * Draw a chart for the first time, in its turn.
 *
 * @param {() => Promise<void>} draw
 * @param {() => boolean} isFull whether there is something to see in it, which comes
 *   before what is empty still
 */
export function inTurn(draw, isFull) {
  const turns = turnsOfPage();
  turns.push({ draw, isFull });
  if (turns.length === 1) requestAnimationFrame(() => next(turns));
}

async function next(turns) {
  const first = turns.findIndex(({ isFull }) => isFull());
  try {
    await turns[Math.max(first, 0)].draw();
  } finally {
    turns.splice(Math.max(first, 0), 1);
    if (turns.length) requestAnimationFrame(() => next(turns));
  }
}

// Every chart has a copy of this module; the page has one row of them.
function turnsOfPage() {
  globalThis.__workbenchTurns ??= [];
  return globalThis.__workbenchTurns;
}

// Whether a hand moves a slider right now, on the whole page.
//
// While it does, every frame belongs to what follows the hand; what takes longer than a
// frame to draw waits until the hand rests or lets go.

const REST_MILLISECONDS = 120;

/** Call `act` as soon as no hand moves a slider: at once, where none does. */
export function whenHandRests(act) {
  const hand = handOfPage();
  const wait = hand.until - performance.now();
  if (wait <= 0) act();
  else setTimeout(() => whenHandRests(act), wait);
}

// Every widget has a copy of this module; the hand is one.
function handOfPage() {
  if (!globalThis.__workbenchHand) {
    globalThis.__workbenchHand = { until: 0 };
    watchHand(globalThis.__workbenchHand);
  }
  return globalThis.__workbenchHand;
}

function watchHand(hand) {
  let holds = false;
  const isSlider = ({ target }) =>
    target instanceof Element && target.closest(".noUi-target, input[type=range]") !== null;
  const moves = () => (hand.until = performance.now() + REST_MILLISECONDS);
  const hear = (name, heard) => addEventListener(name, heard, { capture: true, passive: true });
  hear("pointerdown", (event) => (holds = isSlider(event)));
  hear("pointermove", () => holds && moves());
  // A key that is held repeats itself; one that is pressed once is no long movement.
  hear("keydown", (event) => event.repeat && isSlider(event) && moves());
  for (const end of ["pointerup", "pointercancel", "keyup"]) {
    hear(end, () => {
      holds = false;
      hand.until = 0;
    });
  }
}

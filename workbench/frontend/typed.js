// What is typed beside a slider: ipywidgets takes a percentage for a fraction, and hears
// of nothing but Enter.

/** The text of a fraction for a typed percentage: 50, 50 % and 0.5 are one half. */
export function fractionOf(text) {
  const typed = Number.parseFloat(text);
  return text.includes("%") || typed >= 1 ? String(typed / 100) : text;
}

/** Read so what is typed beside the page's sliders, until `signal` aborts. */
export function readTyped(signal) {
  const options = { capture: true, signal };
  let before = "";
  const hear = (type, act) =>
    addEventListener(
      type,
      (event) => {
        const { target } = event;
        if (target instanceof Element && target.matches(".wb-slider .widget-readout")) act(event);
      },
      options,
    );
  hear("focus", ({ target }) => (before = target.textContent));
  hear("keydown", (event) => {
    const { key, target } = event;
    if (key !== "Enter") return;
    if (target.textContent === before) {
      // What is shown is rounded: it is no wish.
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (target.closest(".wb-percent")) target.textContent = fractionOf(target.textContent);
    // What was understood is there when ipywidgets has read it.
    setTimeout(() => (before = target.textContent));
  });
  hear("blur", ({ target }) => {
    if (target.textContent === before) return;
    const enter = { key: "Enter", keyCode: 13, bubbles: true, cancelable: true };
    target.dispatchEvent(new KeyboardEvent("keydown", enter));
  });
}

// The page's theme: its colours as values, and the moments it changes.

/** Whether the page is dark: JupyterLab's and our Voilà page's word, or the system's. */
export function isDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light !== undefined) return light === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Call `changed` whenever the theme may look different, until `signal` aborts. */
export function watchTheme(changed, signal) {
  const soon = () => requestAnimationFrame(changed);
  const observer = new MutationObserver(soon);
  const what = {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"],
  };
  observer.observe(document.body, what);
  observer.observe(document.documentElement, what);
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", soon, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
}

/**
 * A function from `var(--name)` or `var(--name, fallback)` to the colour it stands
 * for at `element` now; every other text stays. An unknown name is the text's colour.
 */
export function colourReader(element) {
  const known = new Map();
  return (text) => {
    if (!text.startsWith("var(--")) return text;
    if (!known.has(text)) known.set(text, computedColour(element, text));
    return known.get(text);
  };
}

function computedColour(element, text) {
  const probe = document.createElement("span");
  probe.style.color = text;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** Whether the user asked the system for less motion. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

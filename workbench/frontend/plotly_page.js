// plotly.js, once for the page, however many kernels, widgets and charts it has.

/**
 * The promise of Plotly that every chart of this page awaits.
 *
 * It is `window.__workbenchPlotly`; whoever holds the source resolves it through
 * `deliverPlotly`, before or after the charts ask.
 */
export function plotlyOfPage() {
  if (!globalThis.__workbenchPlotly) {
    let settle;
    const promise = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    globalThis.__workbenchPlotly = Object.assign(promise, { settle, asked: false });
  }
  return globalThis.__workbenchPlotly;
}

/**
 * Run plotly.js from its gzipped source; a second call on the page does nothing.
 *
 * @param {DataView} packed gzipped text of plotly.min.js
 */
export async function deliverPlotly(packed) {
  const page = plotlyOfPage();
  if (page.asked) return;
  page.asked = true;
  try {
    await pageIsIdle();
    page.settle.resolve(await runPlotly(await unpack(packed)));
  } catch (error) {
    page.settle.reject(error);
  }
}

// Widgets that do not start within two seconds are given up by anywidget, and
// plotly.js keeps the page busy for a while: let them start first.
function pageIsIdle() {
  return new Promise((resolve) => {
    if (globalThis.requestIdleCallback) requestIdleCallback(resolve, { timeout: 500 });
    else setTimeout(resolve, 50);
  });
}

async function unpack(packed) {
  const stream = new Blob([packed])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).blob();
}

// Loaders in the page (AMD, CommonJS) would take the library for themselves.
async function runPlotly(source) {
  const shielded = new Blob(
    ["(function (define, module, exports) {\n", source, "\n}).call(window);"],
    { type: "text/javascript" },
  );
  const url = URL.createObjectURL(shielded);
  try {
    await new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: url });
      script.onload = resolve;
      script.onerror = () => reject(new Error("plotly.js did not load"));
      document.head.append(script);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return globalThis.Plotly;
}

// plotly.js, once for the page, however many kernels, widgets and charts it has.

/**
 * The promise of Plotly that every chart of this page awaits.
 *
 * It is `window.__workbenchPlotly`; whoever holds the source resolves it through
 * `deliverPlotly`, before or after the charts ask.
 */
export function plotlyOfPage() {
  const page = promiseOfPage();
  page.want();
  return page;
}

/**
 * Run plotly.js from its gzipped source; a second call on the page does nothing.
 *
 * Widgets that have not started within two seconds are given up by anywidget, and
 * plotly.js keeps the page busy for a while: it waits until a first chart asks, which
 * is when the widgets have been made, and the page is idle.
 *
 * @param {DataView} packed gzipped text of plotly.min.js
 */
export async function deliverPlotly(packed) {
  const page = promiseOfPage();
  if (page.isDelivered) return;
  page.isDelivered = true;
  try {
    const source = await unpack(packed);
    await page.wanted;
    await pageIsIdle();
    page.resolve(await runPlotly(source));
  } catch (error) {
    page.reject(error);
  }
}

function promiseOfPage() {
  if (!globalThis.__workbenchPlotly) {
    const own = { isDelivered: false };
    own.wanted = new Promise((want) => (own.want = want));
    const ready = new Promise((resolve, reject) => Object.assign(own, { resolve, reject }));
    globalThis.__workbenchPlotly = Object.assign(ready, own);
  }
  return globalThis.__workbenchPlotly;
}

/** When the page has nothing to do. */
export function pageIsIdle() {
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

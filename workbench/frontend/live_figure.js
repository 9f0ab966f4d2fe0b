// A Plotly chart that follows its `figure`: see panels/live_figure.py.
import { pageIsIdle, plotlyOfPage } from "./plotly_page.js";
import { colourReader, wantsStillness, watchTheme } from "./theme.js";
import { resolved, separators, themeTemplate } from "./figure_json.js";
import { choosable, walkPoints } from "./figure_keys.js";
import { whenHandRests } from "./hand.js";
import { inTurn } from "./figure_turns.js";

const CONFIG = { displayModeBar: false, displaylogo: false, showTips: false };

// What the page's theme makes of every figure. To ask the page costs it a layout, so
// it is asked once for each theme.
function lookOf(plot) {
  const colour = colourReader(plot);
  return { colour, template: themeTemplate(colour, getComputedStyle(plot).fontFamily) };
}

function layoutOf(figure, { colour, template }, lang) {
  const layout = {
    separators: separators(lang),
    ...resolved(figure.layout ?? {}, colour),
    template,
    autosize: true,
  };
  delete layout.width;
  delete layout.height;
  if (wantsStillness()) layout.transition = { duration: 0 };
  return layout;
}

function skeleton(el) {
  el.classList.add("wb-figure");
  const make = (tag, className) =>
    el.appendChild(Object.assign(document.createElement(tag), { className }));
  const plot = make("div", "wb-figure-plot");
  const mark = make("span", "wb-figure-mark");
  const voice = make("span", "wb-spoken");
  plot.setAttribute("role", "figure");
  mark.setAttribute("role", "status");
  voice.setAttribute("aria-live", "polite");
  return { plot, mark, voice };
}

async function render({ model, el, signal }) {
  const { plot, mark, voice } = skeleton(el);
  const choose = (customdata) => model.send({ event: "click", customdata });
  const clicked = ({ points }) => {
    if (points[0]?.customdata !== undefined) choose(points[0].customdata);
  };
  let Plotly = null;
  let drawing = false;
  let asked = false;
  let wanted = true;
  let look = null;

  // One drawing at a time; what came meanwhile is drawn once, the newest only. A
  // chart that nobody sees (a closed drawer) is drawn when it is opened, and one that
  // the kernel has not made yet when it comes.
  async function draw() {
    const figure = model.get("figure");
    const isReady = Plotly && figure.data && plot.offsetWidth;
    if (!isReady || drawing || !wanted || signal.aborted) return;
    drawing = true;
    wanted = false;
    look ??= lookOf(plot);
    const data = resolved(figure.data, look.colour);
    try {
      const config = { ...CONFIG, ...(figure.config ?? {}) };
      const layout = layoutOf(figure, look, model.get("lang"));
      await Plotly.react(plot, data, layout, config);
      // plotly.js gives the element its `on` with the first drawing.
      if (!el.dataset.drawn) {
        plot.on("plotly_click", clicked);
        void pageIsIdle().then(() => model.send({ event: "drawn" }));
      }
      plot.tabIndex = choosable(data).length ? 0 : -1;
      el.dataset.drawn = String(Number(el.dataset.drawn ?? 0) + 1);
      // A sentence in place of a chart is no older for what is being computed.
      el.dataset.empty = String(!data.length);
    } finally {
      drawing = false;
    }
    if (wanted) soon();
  }

  const soon = () => {
    if (asked) return;
    asked = true;
    const act = () => ((asked = false), draw());
    if (el.dataset.drawn) whenHandRests(() => requestAnimationFrame(act));
    else inTurn(act, () => model.get("figure").data?.length > 0);
  };
  const redraw = () => {
    wanted = true;
    soon();
  };
  const describe = () => {
    const stale = model.get("stale");
    el.classList.toggle("wb-stale", stale);
    plot.setAttribute("aria-label", model.get("alt"));
    plot.setAttribute("aria-busy", String(stale));
    mark.textContent = stale ? model.get("stale_text") : "";
    el.lang = model.get("lang");
    // A variable, because ipywidgets' layout takes `height` itself away again.
    const height = model.get("height");
    if (height) el.style.setProperty("--wb-figure-height", `${height}px`);
    else el.style.removeProperty("--wb-figure-height");
  };

  describe();
  model.on("change:stale change:alt change:stale_text change:height", describe);
  model.on("change:lang", () => (describe(), redraw()));
  model.on("change:figure", redraw);
  watchTheme(() => ((look = null), redraw()), signal);

  const observer = new ResizeObserver(() => {
    if (wanted || !plot.offsetWidth) redraw();
    else if (Plotly && plot.data) requestAnimationFrame(() => resize(Plotly, plot));
  });
  observer.observe(el);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    if (Plotly) Plotly.purge(plot);
  });

  Plotly = await plotlyOfPage();
  if (signal.aborted) return;
  redraw();
  walkPoints({ plot, Plotly, choose, announce: (text) => (voice.textContent = text), signal });
}

function resize(Plotly, plot) {
  if (plot.offsetWidth) Plotly.Plots.resize(plot);
}

export default { render };

// Notes what a page does under a moving hand: window.__log, since it was last emptied.
{
  const log = { frames: [], moves: [], charts: [] };
  window.__log = log;
  const clear = () => Object.values(log).forEach((list) => (list.length = 0));
  window.__logCleared = clear;

  let frame = 0;
  const count = (at) => {
    frame += 1;
    log.frames.push(at);
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);

  // A move is handled between the first and the last listener; then it is drawn.
  let move = null;
  const begin = () => {
    move ??= { frame, handled: 0 };
    move.began = performance.now();
  };
  const handled = () => move && (move.handled += performance.now() - move.began);
  addEventListener("pointermove", begin, { capture: true });
  addEventListener("pointermove", handled);
  addEventListener("workbench:live", () => {
    if (move === null) return;
    const el = document.querySelector(".wb-weights");
    const drawn = Number(el.dataset.milliseconds);
    log.moves.push({ milliseconds: move.handled + drawn, frames: frame - move.frame });
    move = null;
  });

  // What a chart takes from the call to its drawing.
  const watch = (Plotly) => {
    const react = Plotly.react;
    Plotly.react = async (plot, ...rest) => {
      const began = performance.now();
      await react(plot, ...rest);
      const milliseconds = performance.now() - began;
      log.charts.push({ label: plot.getAttribute("aria-label"), milliseconds });
    };
  };
  const wait = () =>
    window.Plotly?.react ? watch(window.Plotly) : requestAnimationFrame(wait);
  wait();
}

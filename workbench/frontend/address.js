// The page's address, theme, clipboard, typing and downloads: see panels/address.py.
import { isDark, watchTheme } from "./theme.js";
import { readTyped } from "./typed.js";

// JupyterLab owns its address: only our Voila page writes its own.
const isOwnPage = () => document.body.dataset.voila !== undefined;

function read() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/**
 * The address with the query's entries changed; an empty value takes one away.
 *
 * @param {string} href
 * @param {Object<string, string>} changes
 */
export function withQuery(href, changes) {
  const url = new URL(href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url.href;
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without a secure context (another machine's address) there is only this way.
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the clipboard refused");
}

function download(name, bytes) {
  const url = URL.createObjectURL(new Blob([bytes]));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// A page that opens makes its widgets one after the other; a kernel's answer to one
// of them is lost on those that are not yet there.
function allAreThere(manager) {
  if (manager.restoredStatus !== false) return Promise.resolve();
  return new Promise((resolve) => manager.restored.connect(() => resolve()));
}

function initialize({ model, signal }) {
  // Only changes of this page go to the kernel; one page's report is not another's.
  const report = () => {
    model.set({
      query: read(),
      href: location.href,
      theme: isDark() ? "dark" : "light",
      writable: isOwnPage(),
    });
    model.save_changes();
  };
  const write = () => {
    const wanted = model.get("wanted");
    if (!isOwnPage() || !Object.keys(wanted).length) return;
    history.replaceState(history.state, "", withQuery(location.href, wanted));
    if (wanted.lang) document.documentElement.lang = wanted.lang;
    report();
  };
  const acts = {
    copy: ({ text, id }) =>
      copy(text).then(
        () => model.send({ event: "copied", id, done: true }),
        () => model.send({ event: "copied", id, done: false }),
      ),
    download: ({ name }, buffers) => download(name, buffers[0]),
  };
  model.on("msg:custom", (message, buffers) => acts[message.act]?.(message, buffers));
  model.on("change:wanted", write);
  readTyped(signal);
  allAreThere(model.widget_manager).then(() => {
    if (signal.aborted) return;
    watchTheme(report, signal);
    addEventListener("hashchange", report, { signal });
    report();
    write();
  });
}

export default { initialize };

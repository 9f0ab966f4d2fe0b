// The layer table: rows that can be selected, one by one or several at once.
// On a phone the stylesheet turns its rows into cards.
import { whenHandRests } from "./hand.js";

function cell(tag, text, label, name) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (label !== undefined) element.dataset.label = label;
  if (name) element.className = name;
  return element;
}

function check(row, selected, label, toggle) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = selected;
  box.setAttribute("aria-label", `${label} ${row.path}`);
  box.addEventListener("change", () => toggle(row.path, box.checked));
  const holder = document.createElement("td");
  holder.append(box);
  return holder;
}

function bodyRow(model, row, toggle) {
  const columns = model.get("columns");
  const selected = model.get("selected").includes(row.path);
  const line = document.createElement("tr");
  line.classList.toggle("wb-selected", selected);
  line.append(check(row, selected, model.get("select_text"), toggle));
  for (const column of columns) {
    const names = [column.number ? "wb-number" : ""];
    if ((row.inherited ?? []).includes(column.key)) names.push("wb-inherited");
    const text = row[column.key] ?? "";
    line.append(cell("td", text, column.title, names.join(" ").trim()));
  }
  return line;
}

function render({ model, el, signal }) {
  const holder = document.createElement("div");
  holder.className = "wb-table-holder";
  el.append(holder);

  const toggle = (path, isOn) => {
    const others = model.get("selected").filter((one) => one !== path);
    model.set("selected", isOn ? [...others, path] : others);
    model.save_changes();
  };

  let asked = false;
  const soon = () => {
    if (!asked) whenHandRests(() => requestAnimationFrame(draw));
    asked = true;
  };
  const draw = () => {
    asked = false;
    const focused = document.activeElement?.getAttribute?.("aria-label");
    const table = document.createElement("table");
    table.className = "wb-table";
    const head = document.createElement("tr");
    head.append(cell("th", ""));
    for (const column of model.get("columns")) {
      head.append(cell("th", column.title, undefined, column.number ? "wb-number" : ""));
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    for (const row of model.get("rows")) body.append(bodyRow(model, row, toggle));
    holder.replaceChildren(table);
    if (focused) {
      const same = `[aria-label="${CSS.escape(focused)}"]`;
      holder.querySelector(same)?.focus();
    }
  };

  const names = ["rows", "columns", "selected"];
  for (const name of names) model.on(`change:${name}`, soon);
  const stop = () => {
    for (const name of names) model.off(`change:${name}`, soon);
  };
  signal?.addEventListener("abort", stop);
  draw();
  return stop;
}

export default { render };

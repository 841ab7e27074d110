// A slider with a mark at the recipe's value and a figure that can be typed. Made once; set() moves it.

import { el, own } from "./dom.js";

/**
 * `about`: {label (nodes), name, min, max, step, digits, unit, say(value), title, slide(value), settle()}.
 * Returns {node, set(value, {mark, off, why})}.
 */
export function slider(about) {
  const { name, min, max, step, digits = 2, unit = "" } = about;
  const input = el("input", { type: "range", min: String(min), max: String(max), step: String(step), "aria-label": name });
  const value = el("input", { class: "value", type: "text", inputmode: "decimal", "aria-label": `${name}, as a figure`, tabindex: "-1" });
  const mark = el("span", { class: "mark", title: "The recipe's value: double click to go back to it" });
  const range = el("span", { class: "range" }, mark, input);
  const node = el("div", { class: "slider", title: about.title }, el("span", { class: "name" }, about.label), range, value);
  own(node, name);
  const say = about.say ?? ((number) => `${Number(number).toFixed(digits)}${unit}`);
  let recipe = null;
  let off = "";
  const part = (number) => Math.min(1, Math.max(0, (number - min) / (max - min)));
  const move = (number) => {
    input.value = number;
    range.style.setProperty("--at", part(number));
    value.value = off ? "–" : say(number);
    range.classList.toggle("changed", recipe !== null && Math.abs(number - recipe) > step / 2);
    input.setAttribute("aria-valuetext", off || `${name} ${say(number)}${recipe === null ? "" : `, recipe ${say(recipe)}`}`);
  };
  const slide = (number) => {
    node.classList.add("dragged");
    move(number);
    about.slide(number);
  };
  const settle = () => {
    node.classList.remove("dragged");
    about.settle?.();
  };
  input.addEventListener("input", () => slide(Number(input.value)));
  input.addEventListener("change", settle);
  input.addEventListener("blur", () => node.classList.remove("dragged"));
  mark.addEventListener("dblclick", () => (slide(recipe), settle()));
  value.addEventListener("change", () => {
    const typed = Number.parseFloat(value.value.replace(",", "."));
    if (Number.isFinite(typed)) slide(Math.min(max, Math.max(min, typed))), settle();
    else move(Number(input.value));
  });
  return {
    node,
    set(number, more = {}) {
      recipe = more.mark ?? null;
      off = more.off ?? "";
      node.classList.toggle("off", Boolean(off));
      if (more.title) node.title = more.title;
      if (recipe !== null) range.style.setProperty("--mark", part(recipe));
      if (document.activeElement !== value) move(number);
    },
  };
}

// The keyboard: what each key does, the table of them, and the switch that turns letter keys off.

import { isWorking, stop, working } from "./ask.js";
import { $, el } from "./dom.js";
import { hide } from "./layers.js";
import { closeMenu } from "./picture.js";
import { nudgeOpacity } from "./rail.js";
import { chain, choose } from "./stages.js";
import { changed, layer, state } from "./state.js";
import { redoOne, refineAgain, undoOne } from "./tune.js";
import { fit, zoomAt } from "./view.js";
import { stepCandidate } from "./why.js";

const TABLE = [
  [["/"], "to the ask field"],
  [["Enter"], "ask"],
  [["Esc"], "stop work, else close what is open, else Move"],
  [["0", "1", "2", "3", "4"], "stages; 3 again: Fused, Grown, Purified"],
  [["[", "]"], "opacity 10 % less, more"],
  [["Space"], "held: the picture alone; with a drag: pan"],
  [["arrows"], "on the canvas: pan; with Add or Remove move a cross by 1 px (Shift: 10), Enter sets a point"],
  [["V", "A", "X", "B"], "Move, Add, Remove, Box"],
  [["Z", "Shift Z"], "undo, redo: clicks, choices, sliders"],
  [[",", "."], "previous, next candidate"],
  [["L"], "show or hide this layer"],
  [["R"], "Refine again"],
  [["+", "-", "F"], "zoom, fit"],
  [["?"], "this table"],
];

export function toggleTable(on = $("keys").hidden) {
  const place = $("keys");
  $("help").setAttribute("aria-expanded", String(on));
  place.hidden = !on;
  if (!on) return;
  const box = el("input", { type: "checkbox", checked: state.letters, onchange: () => ((state.letters = box.checked), localStorage.setItem("zeroov letters", box.checked ? "on" : "off")) });
  place.replaceChildren(el("div", { class: "head" }, el("h2", {}, "Keys"), el("button", { class: "text-button", type: "button", onclick: () => (toggleTable(false), $("help").focus()) }, "Close")),
    el("table", {}, el("tbody", {}, TABLE.map(([keys, does]) => el("tr", {}, el("th", { scope: "row" }, keys.flatMap((each) => [el("kbd", { class: "key" }, each), " "])), el("td", {}, does))))),
    el("label", {}, box, "Letter keys"));
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", "Keys");
  box.focus();
}

export function setTool(tool) {
  state.tool = tool;
  changed();
}

function escape() {
  const busy = isWorking(layer()) ? layer() : working()[0];
  if (busy) return stop(busy);
  if (closeMenu()) return $("chip").focus();
  if (!$("keys").hidden) return toggleTable(false), $("help").focus();
  if (document.body.classList.contains("drawer-open")) return $("drawer").click();
  if (layer()?.opened) return $("back").click();
  if (document.activeElement?.matches("input, button")) document.activeElement.blur();
  setTool("move");
}

const LETTERS = {
  v: () => setTool("move"),
  a: () => setTool("add"),
  x: () => setTool("remove"),
  b: () => setTool("box"),
  z: undoOne,
  Z: redoOne,
  l: () => hide(),
  r: () => refineAgain(),
  f: () => (fit(), changed()),
};
const SIGNS = {
  ",": () => stepCandidate(-1),
  ".": () => stepCandidate(1),
  "[": () => nudgeOpacity(-0.1),
  "]": () => nudgeOpacity(0.1),
  "+": () => (zoomAt(1.25), changed()),
  "=": () => (zoomAt(1.25), changed()),
  "-": () => (zoomAt(0.8), changed()),
  "?": () => toggleTable(),
};

const isField = (target) => target.matches?.('input:not([type="range"], [type="checkbox"]), textarea');

function press(event) {
  if (event.key === "Escape") return escape();
  if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    $("sentence").focus();
    $("sentence").select();
    return;
  }
  if (event.key === "?") return toggleTable();
  if (!state.picture) return;
  if (event.key === " " && !event.target.matches("button, [role='option'], input, a")) {
    event.preventDefault();
    if (!state.bare) (state.bare = true), changed();
    return;
  }
  const range = event.target.matches('input[type="range"]');
  const stage = chain().find(({ key: number }) => String(number) === event.key);
  const act = stage ? () => choose(stage.id, true) : (SIGNS[event.key] ?? (state.letters ? LETTERS[event.shiftKey ? event.key : event.key.toLowerCase()] : null));
  if (!act || (range && ["+", "-"].includes(event.key))) return;
  event.preventDefault();
  act();
}

export function listen() {
  state.letters = localStorage.getItem("zeroov letters") !== "off";
  addEventListener("keydown", press);
  addEventListener("keyup", (event) => event.key === " " && state.bare && ((state.bare = false), changed()));
  addEventListener("blur", () => state.bare && ((state.bare = false), changed()));
}

// The page: starts, wires what a person does to what is known, and draws what is known.

import * as api from "./api.js";
import { ask, isWorking, stop, working } from "./ask.js";
import { describe, paint, resized } from "./canvas.js";
import { $, arrows, copy, el, fill, icon, key, loadIcons, seconds } from "./dom.js";
import * as draw from "./draw.js";
import { drawDownload } from "./download.js";
import { enliven, layOut, paint as paintFirst } from "./first.js";
import { listen as listenKeys, setTool, toggleTable } from "./keys.js";
import { drawLayers } from "./layers.js";
import { drawLegend } from "./legend.js";
import { decode, encode } from "./link.js";
import { live } from "./live.js";
import { drawObjects } from "./objects.js";
import { drawChip, item as menuItem, listen as listenPicture, show, tell, toggleMenu, told } from "./picture.js";
import { hand, listen as listenPointer } from "./pointer.js";
import { drawRail } from "./rail.js";
import { drawInset } from "./search-draw.js";
import { isSearch } from "./search.js";
import { canRedo, canUndo, changed, follow, layer, state } from "./state.js";
import { restore } from "./restore.js";
import { drawStatus } from "./status.js";
import { drawTune, onSlide, undoOne } from "./tune.js";
import { fit, isInSight, show as showBox, toScreen, view, zoomAt } from "./view.js";
import { drawWhy } from "./why.js";

const MOST_WORDS = 300;
const every = () => $("how-many").querySelector('[aria-checked="true"]').dataset.every === "1";

function setEvery(on) {
  for (const button of $("how-many").children) {
    const is = (button.dataset.every === "1") === on;
    button.setAttribute("aria-checked", String(is));
    button.tabIndex = is ? 0 : -1;
  }
  $("ask").classList.toggle("every", on);
}

function submit(event) {
  event.preventDefault();
  const busy = isWorking(layer()) ? layer() : null;
  const text = $("sentence").value;
  if (busy && (busy.sentence === text.trim() || !text.trim())) return stop(busy);
  if (!text.trim()) return $("sentence").focus();
  const words = text.trim().split(/\s+/).length;
  const most = state.info?.limits?.words ?? MOST_WORDS;
  if (words > most) return tell(`${words} words; at most ${most} are taken.`, true);
  tell("");
  if (matchMedia("(pointer: coarse)").matches) $("sentence").blur(); // the keyboard of a phone would hide the answer
  if (!state.picture) {
    state.afterOpen = () => ask(text, every());
    return $("file").click();
  }
  ask(text, every());
}

// Tools, zoom, icons

const TOOLS = [["move", "Move", "V"], ["add", "Add to the object", "A"], ["remove", "Remove from the object", "X"], ["box", "Search in a box only", "B"]];

function layOutFrame() {
  const button = (name, label, act, about = {}) => el("button", { type: "button", "aria-label": label, title: label, onclick: act, ...about }, icon(name));
  fill($("tools"), TOOLS.map(([name, label, letter]) => button(name, `${label} (${letter})`, () => setTool(name), { role: "radio", "data-tool": name })), el("hr"), button("undo", "Undo (Z)", undoOne, { id: "undo" }));
  fill($("zoom"), button("plus", "Zoom in (+)", () => (zoomAt(1.4), changed())), button("minus", "Zoom out (-)", () => (zoomAt(1 / 1.4), changed())), el("hr"), button("fit", "Fit (F)", () => (fit(), changed())));
  arrows($("tools"), "button");
  arrows($("how-many"), "button", (one) => setEvery(one.dataset.every === "1"));
  for (const one of $("how-many").children) one.addEventListener("click", () => setEvery(one.dataset.every === "1"));
  for (const [id, name] of [["share", "link"], ["theme", "contrast"], ["help", "help"], ["add-narrow", "add"], ["drawer", "panel"], ["more", "menu"]]) fill($(id), icon(name));
  $("share").addEventListener("click", () => (keepLink(), copy(location.href)));
  $("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  $("help").addEventListener("click", () => toggleTable());
  $("add-narrow").addEventListener("click", () => (setTool(state.tool === "add" ? "move" : "add"), document.body.classList.toggle("tools-open", state.tool === "add")));
  $("drawer").addEventListener("click", () => $("drawer").setAttribute("aria-expanded", String(document.body.classList.toggle("drawer-open"))));
  $("more").addEventListener("click", () => (toggleMenu([
    menuItem("link", "Copy a link to this", () => $("share").click()),
    menuItem("contrast", "Light or dark", () => $("theme").click()),
    menuItem("help", "Keys", () => $("help").click()),
  ])));
  $("beyond").addEventListener("click", () => (showBox(layer().objects[0].box_xyxy, 0.3), changed()));
  $("back").addEventListener("click", backToMap);
  fill($("tabs"), ["Why", "Layers", "Tune", "Download"].map((name) => el("button", { type: "button", role: "tab", "data-tab": name.toLowerCase(), onclick: () => setTab(name.toLowerCase()) }, el("span", {}, name), name === "Layers" && " ", name === "Layers" && el("span", { id: "layer-count" }))));
  arrows($("tabs"), "button", (one) => one.click());
  setTab("why");
}

function setTab(name) {
  document.body.dataset.tab = name;
  for (const one of $("tabs").children) {
    one.setAttribute("aria-selected", String(one.dataset.tab === name));
    one.tabIndex = one.dataset.tab === name ? 0 : -1;
  }
}

const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("zeroov theme", theme);
  changed();
}

// An object of a search, opened: a layer of its own, whose chain is of the window round the object.

document.addEventListener("open-object", ({ detail: { each, area } }) => {
  state.map = { layer: each, view: { ...view } };
  showBox(area, 0.9);
  ask(each.sentence, false, { area, opened: true });
});
document.addEventListener("ask-area", ({ detail: area }) => {
  const text = $("sentence").value.trim() || layer()?.sentence;
  setTool("move");
  if (text) ask(text, every(), { area });
  else $("sentence").focus();
});

function backToMap() {
  const { layer: each, view: kept } = state.map ?? {};
  if (!each) return;
  Object.assign(view, kept, { width: view.width, height: view.height });
  state.chosen = state.layers.indexOf(each);
  state.stage = "refine";
  changed();
}

// Drawing

let slideStart = 0;
onSlide((start) => (slideStart = start));

function underHand(ctx) {
  if (hand.box) {
    const [x0, y0, x1, y1] = hand.box;
    draw.brackets(ctx, hand.box, true);
    ctx.strokeStyle = "#FFFFFF";
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
    ctx.setLineDash([]);
  }
  if (state.cross && (state.tool === "add" || state.tool === "remove") && document.activeElement === $("canvas")) {
    const [x, y] = toScreen(...state.cross);
    for (const [width, colour] of [[4, draw.CASING], [1.8, "#FFFFFF"]]) {
      ctx.beginPath();
      ctx.moveTo(x - 14, y), ctx.lineTo(x + 14, y), ctx.moveTo(x, y - 14), ctx.lineTo(x, y + 14);
      ctx.lineWidth = width;
      ctx.strokeStyle = colour;
      ctx.stroke();
    }
  }
}

function drawFind(each) {
  const busy = isWorking(each);
  const find = $("find");
  if (find.dataset.busy !== String(busy)) {
    find.dataset.busy = String(busy);
    fill(find, busy ? [icon("stop"), "Stop"] : "Find");
  }
  find.classList.toggle("stopping", busy);
  find.classList.toggle("waiting", !state.picture && !$("sentence").value.trim());
  $("work-line").hidden = !working().length;
  if (busy) $("work-line").style.setProperty("--done", `${Math.round(100 * share(each))}%`);
}

function drawBar() {
  const each = layer();
  drawFind(each);
  for (const button of $("tools").querySelectorAll("[data-tool]")) {
    const is = button.dataset.tool === state.tool;
    button.setAttribute("aria-checked", String(is));
    button.tabIndex = is ? 0 : -1;
  }
  $("undo").disabled = !canUndo() && !canRedo();
  $("add-narrow").setAttribute("aria-pressed", String(state.tool === "add"));
  $("canvas").dataset.tool = state.bare ? "move" : state.tool;
  $("back").hidden = !each?.opened || !state.map;
  $("layer-count").textContent = state.layers.length || "";
  const lost = each?.objects[0] && !isSearch(each) && !each.hidden && !isInSight(each.objects[0].box_xyxy);
  $("beyond").hidden = !lost;
  if (lost) arrowTo(each.objects[0].box_xyxy);
}

/** Put the button that shows an answer out of sight at the edge that it lies beyond. */
function arrowTo([x0, y0, x1, y1]) {
  const [x, y] = toScreen((x0 + x1) / 2, (y0 + y1) / 2);
  const left = Math.min(view.width - 90, Math.max(60, x - 30));
  const top = Math.min(view.height - 40, Math.max(12, y - 14));
  Object.assign($("beyond").style, { left: `${left}px`, top: `${top}px` });
  $("beyond").textContent = `${x < 0 ? "← " : ""}${y < 0 ? "↑ " : ""}Show${y > view.height ? " ↓" : ""}${x > view.width ? " →" : ""}`;
}

function share(each) {
  const now = each.progress.tiles ?? each.progress[each.progressStage];
  const inside = now?.total ? now.done / now.total : 0;
  if (each.searching) return inside;
  const order = state.info.stages;
  return Math.max(0.03, (Math.max(0, order.indexOf(each.progressStage)) + inside) / order.length);
}

let linkTimer = 0;

function keepLink() {
  clearTimeout(linkTimer);
  linkTimer = 0;
  const link = encode(view.free ? view : null);
  if (link !== location.hash) history.replaceState(null, "", link || location.pathname);
}

function drawAll() {
  drawChip();
  if (!state.picture) {
    drawFind(null);
    paintFirst();
    if (state.lost) drawLayers(), drawDownload();
    return;
  }
  resized();
  paint(underHand);
  drawRail();
  drawLegend();
  drawBar();
  drawStatus();
  if (slideStart) {
    state.drawnIn = performance.now() - slideStart;
    slideStart = 0;
  }
  drawLayers();
  drawWhy();
  drawObjects();
  drawTune();
  drawDownload();
  drawInset(layer());
  $("canvas").setAttribute("aria-label", describe());
  linkTimer ||= setTimeout(keepLink, 400);
}

async function askKey(wrong) {
  document.body.dataset.screen = "key";
  return new Promise((done) => {
    const field = el("input", { type: "password", autocomplete: "off", "aria-label": "Key of this server", class: "key-field" });
    const form = el("form", { class: "key-form", onsubmit: (event) => (event.preventDefault(), form.remove(), (document.body.dataset.screen = "first"), done(field.value)) },
      el("h2", {}, "This server asks for its key"), el("p", {}, wrong ? "That key is not the one. " : "", "Whoever started it has set ZEROOV_KEY."), field, el("button", { class: "main", type: "submit" }, "Go on"));
    $("main").prepend(form);
    field.focus();
  });
}

async function start() {
  const theme = localStorage.getItem("zeroov theme");
  if (theme) document.documentElement.dataset.theme = theme;
  api.doorkeeper.ask = askKey;
  loadIcons();
  layOutFrame();
  for (const listen of [listenPicture, listenPointer, listenKeys]) listen();
  $("ask").addEventListener("submit", submit);
  $("sentence").addEventListener("input", () => (told() && tell(""), changed()));
  addEventListener("resize", () => (changed(), paintFirst()));
  new ResizeObserver(changed).observe($("canvas"));
  for (const name of ["pointerover", "pointerout", "focusin", "focusout"]) $("first").addEventListener(name, () => requestAnimationFrame(paintFirst));
  follow(drawAll);
  setInterval(tick, 100);
  changed();
  try {
    state.info = await api.get("/v1");
    const kept = decode(location.hash);
    if (kept) await restore(kept);
    else {
      layOut();
      enliven();
    }
  } catch (error) {
    fill($("first"), el("div", { class: "state" }, el("p", {}, el("b", {}, error.message), " ", error.hint ?? ""), el("div", { class: "ways" }, el("button", { class: "main", type: "button", onclick: () => location.reload() }, "Try again"))));
  }
}

function tick() {
  for (const clock of document.querySelectorAll(".clock")) clock.textContent = seconds((performance.now() - Number(clock.dataset.since)) / 1000);
  if (layer()?.busyPoint !== undefined && layer()?.busyPoint !== null) changed();
}

start();


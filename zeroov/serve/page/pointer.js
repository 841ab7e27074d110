// Mouse, touch and pen on the canvas, and the arrows there.

import { tie } from "./ask.js";
import { hits } from "./canvas.js";
import { $ } from "./dom.js";
import { pick } from "./layers.js";
import { frameOf, objectPath } from "./live.js";
import { chooseObject } from "./objects.js";
import { isSearch, shownObjects } from "./search.js";
import { shown } from "./stages.js";
import { changed, layer, state } from "./state.js";
import { setPoints } from "./tune.js";
import { fit, pan, toPicture, toScreen, view, zoomAt } from "./view.js";
import { pickCandidate } from "./why.js";

const canvas = $("canvas");
const fingers = new Map();
let hold = null; // what a press began: {kind, x, y, moved, ...}
export const hand = { x: -1, y: -1, box: null };

const at = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

const inPicture = ([x, y]) => x >= 0 && y >= 0 && x < state.picture.hw[1] && y < state.picture.hw[0];
const pointAt = (x, y) => (layer()?.points ?? []).findIndex((each) => Math.hypot(toScreen(each[0], each[1])[0] - x, toScreen(each[0], each[1])[1] - y) < 13);
const canPoint = () => layer()?.result && !isSearch(layer());

function down(event) {
  if (!state.picture) return;
  const [x, y] = at(event);
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [x, y]);
  if (fingers.size === 2) return (hold = { kind: "pinch", ...spread() });
  const moves = state.bare || event.button === 1 || state.tool === "move";
  const on = canPoint() ? pointAt(x, y) : -1;
  if (event.button > 1) return;
  if (event.button === 1) event.preventDefault();
  if (!moves && on >= 0) hold = { kind: "point", at: on, x, y };
  else if (moves) hold = { kind: "pan", x, y };
  else hold = { kind: state.tool, x, y };
  canvas.classList.toggle("dragging", hold.kind === "pan");
}

function spread() {
  const [[ax, ay], [bx, by]] = [...fingers.values()];
  return { apart: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
}

function move(event) {
  if (!state.picture) return;
  const [x, y] = at(event);
  Object.assign(hand, { x, y });
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, [x, y]);
  if (hold?.kind === "pinch" && fingers.size === 2) {
    const now = spread();
    pan(now.x - hold.x, now.y - hold.y);
    zoomAt(now.apart / hold.apart, now.x, now.y);
    Object.assign(hold, now);
  } else if (hold?.kind === "pan") {
    pan(event.movementX, event.movementY);
  } else if (hold?.kind === "box") {
    hand.box = [Math.min(hold.x, x), Math.min(hold.y, y), Math.max(hold.x, x), Math.max(hold.y, y)];
  } else if (hold?.kind === "point") {
    const each = layer();
    hold.moved ||= Math.hypot(x - hold.x, y - hold.y) > 4;
    if (hold.moved) {
      hold.was ??= each.points;
      each.points = each.points.map((point, i) => (i === hold.at ? [...toPicture(x, y), point[2]] : point));
    }
  } else {
    state.hoverPoint = canPoint() && state.tool !== "move" ? pointAt(x, y) : -1;
    const over = hits.find(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    state.hover = over?.letter ?? (canvas.matches(":hover") ? null : state.hover);
  }
  if (hold) hold.moved ||= Math.hypot(x - hold.x, y - hold.y) > 4;
  changed();
}

function up(event) {
  fingers.delete(event.pointerId);
  canvas.classList.remove("dragging");
  const held = hold;
  if (fingers.size) return;
  hold = null;
  if (!held || !state.picture || event.type === "pointercancel") return (hand.box = null);
  const [x, y] = at(event);
  const each = layer();
  if (held.kind === "point") {
    const { points } = each;
    if (held.moved) (each.points = held.was), setPoints(each, points, held.at);
    else setPoints(each, each.points.filter((_, i) => i !== held.at), null);
  } else if ((held.kind === "add" || held.kind === "remove") && !held.moved) set(x, y);
  else if (held.kind === "box") boxed();
  else if (held.kind === "pan" && !held.moved) click(x, y);
  changed();
}

function set(x, y) {
  const each = layer();
  const place = toPicture(x, y);
  if (!canPoint() || !inPicture(place)) return;
  state.stage = "refine";
  setPoints(each, [...each.points, [...place, state.tool === "add" ? 1 : 0]]);
}

function boxed() {
  const box = hand.box;
  hand.box = null;
  if (!box || box[2] - box[0] < 6 || box[3] - box[1] < 6) return;
  const [height, width] = state.picture.hw;
  const [x0, y0] = toPicture(box[0], box[1]);
  const [x1, y1] = toPicture(box[2], box[3]);
  const area = [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)].map(Math.round);
  if (area[2] > area[0] && area[3] > area[1]) document.dispatchEvent(new CustomEvent("ask-area", { detail: area }));
}

function click(x, y) {
  const hit = hits.find(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
  if (hit?.letter) return pickCandidate(hit.layer, hit.letter);
  if (hit) return pick(hit.layer), hit.object !== undefined && chooseObject(hit.layer, hit.object, false);
  const place = toPicture(x, y);
  if (!inPicture(place)) return;
  const each = layer();
  if (shown().stage === "focus" && each?.explain?.cross) {
    const [x0, y0, x1, y1] = frameOf(each);
    const { rows, cols } = each.explain.cross;
    const [col, row] = [Math.floor(((place[0] - x0) / (x1 - x0)) * cols), Math.floor(((place[1] - y0) / (y1 - y0)) * rows)];
    if (col >= 0 && row >= 0 && col < cols && row < rows) tie(each, [row, col]);
    return;
  }
  const ctx = canvas.getContext("2d");
  ctx.save();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  for (const one of [...state.layers].reverse()) {
    if (one.hidden) continue;
    for (const { object, index } of shownObjects(one)) {
      if (!ctx.isPointInPath(objectPath(object), ...place)) continue;
      ctx.restore();
      if (one !== each) pick(one);
      if (isSearch(one)) chooseObject(one, index, false);
      return;
    }
  }
  ctx.restore();
}

function arrow(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !state.picture) return;
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const points = (state.tool === "add" || state.tool === "remove") && canPoint();
  if (by) {
    event.preventDefault();
    if (!points) return pan(-by[0] * 60, -by[1] * 60), changed();
    const step = event.shiftKey ? 10 : 1;
    const [height, width] = state.picture.hw;
    const [x, y] = state.cross ?? [width / 2, height / 2];
    state.cross = [Math.min(width - 1, Math.max(0, x + by[0] * step)), Math.min(height - 1, Math.max(0, y + by[1] * step))];
    changed();
  } else if (event.key === "Enter" && points) {
    event.preventDefault();
    event.stopPropagation();
    state.cross ??= [state.picture.hw[1] / 2, state.picture.hw[0] / 2];
    set(...toScreen(...state.cross));
  }
}

export function listen() {
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => (Object.assign(hand, { x: -1, y: -1 }), changed()));
  canvas.addEventListener("dblclick", () => state.tool === "move" && state.picture && (fit(), changed()));
  canvas.addEventListener("keydown", arrow);
  canvas.addEventListener("auxclick", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!state.picture) return;
      event.preventDefault();
      const [x, y] = at(event);
      zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : event.deltaMode ? 0.05 : 0.0015)), x, y);
      changed();
    },
    { passive: false },
  );
  const inset = $("inset");
  inset.addEventListener("pointerdown", (event) => {
    const box = inset.getBoundingClientRect();
    const [height, width] = state.picture.hw;
    const [x, y] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    Object.assign(view, { x: view.width / 2 - x * view.scale, y: view.height / 2 - y * view.scale, free: true });
    changed();
  });
}

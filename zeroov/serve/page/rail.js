// The chain of stages as small live pictures.

import { drawPart } from "./base.js";
import { colourOf, mapOf } from "./canvas.js";
import { $, arrows, el, fill, key } from "./dom.js";
import * as draw from "./draw.js";
import { heatImage } from "./heat.js";
import { frameOf, live, objectPath, staleness } from "./live.js";
import { isSearch, shownObjects } from "./search.js";
import { slider } from "./slider.js";
import { chain, choose, hasMap, shown } from "./stages.js";
import { changed, isDoubtful, layer, state } from "./state.js";

const opacity = slider({ label: "Opacity", name: "Opacity of the map", min: 0, max: 100, step: 5, digits: 0, unit: " %", slide: (value) => ((state.opacity = value / 100), changed()) });
const dim = slider({ label: "Dim rest", name: "Dim the rest", min: 0, max: 80, step: 5, digits: 0, unit: " %", slide: (value) => ((state.dim = value / 100), changed()) });

export function nudgeOpacity(by) {
  if (hasMap(shown().stage)) state.opacity = Math.min(1, Math.max(0, state.opacity + by));
  else state.dim = Math.min(0.8, Math.max(0, state.dim + by));
  changed();
}

/** Draw one stage of a layer into a small square canvas; false where there is nothing to be seen yet. */
export function thumbnail(canvas, each, stage) {
  const { hw } = state.picture;
  const whole = each && (hasMap(stage) || each.area) ? frameOf(each) : [0, 0, hw[1], hw[0]];
  if (hasMap(stage)) {
    const map = mapOf(each, stage);
    if (!map) return false;
    const ctx = drawPart(canvas, whole);
    ctx.globalCompositeOperation = "saturation";
    ctx.fillStyle = "#808080";
    ctx.fillRect(0, 0, hw[1], hw[0]);
    ctx.globalCompositeOperation = "source-over";
    ctx.drawImage(heatImage(map), whole[0], whole[1], whole[2] - whole[0], whole[3] - whole[1]);
    if (stage === "evolve") draw.line(ctx, live(each).path, ctx, { colour: colourOf(each), width: 1.5 * (devicePixelRatio || 1), casing: 0.8 });
    return true;
  }
  if (stage === "picture") return drawPart(canvas, whole), true;
  if (!each || (stage === "closer" && !each.result) || (stage === "refine" && !each.result && !each.found.length)) return false;
  const ctx = drawPart(canvas, whole);
  const ratio = devicePixelRatio || 1;
  if (stage === "tiles") {
    for (const { window: [x0, y0, x1, y1], status } of each.tiles) {
      ctx.lineWidth = (1.2 * ratio) / ctx.scale;
      ctx.strokeStyle = "#FFFFFFb0";
      if (status !== "now") ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    return true;
  }
  if (stage === "closer") {
    for (const { window_xyxy: [x0, y0, x1, y1] } of each.result.zoom ?? []) {
      ctx.lineWidth = (2 * ratio) / ctx.scale;
      ctx.strokeStyle = "#FFFFFF";
      ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    return true;
  }
  for (const { object, low } of shownObjects(each))
    draw.line(ctx, objectPath(object), ctx, { colour: colourOf(each), width: 1.8 * ratio, casing: 0.8 * ratio, dash: low || isDoubtful(each) ? [4, 3] : [] });
  return true;
}

const waiting = { closer: "after the tiles", refine: "waits", overview: "waits", focus: "waits", evolve: "waits", tiles: "waits" };
let laidOut = "";

function layOut(links) {
  fill($("stages"), links.map(({ id, name, key: number }) =>
    el("div", { class: "stage", role: "option", "data-stage": id, "data-keep": id, onclick: () => choose(id, true), onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), event.stopPropagation(), choose(id, true)) },
      el("span", { class: "thumb" }, el("canvas", { "data-side": "84", "aria-hidden": "true" }), el("span", { class: "stale", hidden: true }), el("span", { class: "why-empty", hidden: true })),
      el("span", {}, name), key(String(number)))));
  fill($("rail-slider"), opacity.node, dim.node);
}

arrows($("stages"), ".stage", (stage) => choose(stage.dataset.stage));

export function drawRail() {
  if (!state.picture) return;
  const links = chain();
  const name = links.map(({ id, name: text }) => id + text).join();
  if (laidOut !== name) {
    laidOut = name;
    layOut(links);
  }
  const each = layer();
  const now = shown().stage;
  for (const stage of $("stages").children) {
    const { stage: id } = stage.dataset;
    const chosen = id === state.stage || (id === now && !links.some((link) => link.id === state.stage));
    stage.setAttribute("aria-selected", String(chosen));
    stage.tabIndex = chosen ? 0 : -1;
    const [canvas, stale, empty] = stage.querySelector(".thumb").children;
    const there = thumbnail(canvas, each, id);
    canvas.hidden = !there;
    stage.querySelector(".thumb").classList.toggle("empty", !there);
    empty.hidden = there;
    empty.textContent = there || !each ? "" : each.result && !isSearch(each) ? "no map" : waiting[id];
    const says = id === "refine" && each && !isSearch(each) ? staleness(each) : "";
    stale.hidden = !says || !there;
    stale.textContent = says;
    stage.setAttribute("aria-label", `${stage.children[1].textContent}${says ? `, still shows ${says}` : there ? "" : ", not there yet"}`);
  }
  const onMap = hasMap(now);
  opacity.node.hidden = !onMap;
  dim.node.hidden = onMap;
  opacity.set(Math.round(state.opacity * 100));
  dim.set(Math.round(state.dim * 100));
}

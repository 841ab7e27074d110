// A search in the panel: how far it is, the line of scores, and the objects in the order in which they were found.

import { isWorking, run, stop } from "./ask.js";
import { $, arrows, el, fill, icon, own, seconds, thin } from "./dom.js";
import { area, isSearch, leastOf, shownObjects, toMap } from "./search.js";
import { slider } from "./slider.js";
import { changed, layer, state } from "./state.js";
import { show } from "./view.js";
import { crop } from "./why.js";

const BINS = 20;
const MOST = 400; // rows in the list

const least = slider({ label: "", name: "Show from score", min: 0, max: 1, step: 0.01, slide: (value) => ((layer().least = value), changed()) });
least.node.classList.add("histogram-range");
const leastPlace = own(least.node, "Show from score");

export function chooseObject(each, index, zoom = true) {
  each.object = index;
  const object = (each.objects.length ? each.objects : each.found)[index];
  if (zoom && object) show(object.box_xyxy);
  changed();
  document.querySelector(`.object[data-keep="o${index}"]`)?.scrollIntoView({ block: "nearest" });
}

function searching(each) {
  const tiles = each.progress.tiles ?? {};
  const closer = each.progressStage === "tiles" ? null : each.progress["closer looks"];
  const looked = Math.max(each.tiles.filter(({ status }) => status !== "now").length, tiles.done ?? 0);
  const total = tiles.total || looked;
  const [done, all] = closer ? [closer.done, closer.total] : [looked, total];
  const part = all ? Math.min(1, done / all) : 0;
  const now = closer ? closer : each;
  if (each.timed !== Boolean(closer)) Object.assign(each, { timed: Boolean(closer), timedFrom: performance.now(), timedDone: done });
  const spent = (performance.now() - each.timedFrom) / 1000;
  const gone = done - each.timedDone;
  const left = gone > 2 && spent > 1 ? `about ${seconds((spent / gone) * (all - done))} left` : "";
  const low = each.found.filter(({ score, doubtful }) => doubtful || score < state.info.doubt).length;
  const says = now === closer ? `closer look ${Math.min(all, done + 1)} of ${all}` : total ? `tile ${Math.min(total, done + 1)} of ${total}` : each.status === "queued" ? `${each.position} in the queue` : "starts";
  return [
    el("div", { class: "head" }, el("h2", {}, "Searching"), el("span", { class: "quiet" }, says),
      el("button", { class: "text-button", type: "button", "data-keep": "stop", disabled: Boolean(each.stopping), onclick: () => stop(each) }, icon("stop"), each.stopping ? "Stopping" : "Stop, keep these")),
    el("div", { class: "progress", "--part": `${100 * part}%`, role: "progressbar", "aria-label": "Search", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * part)) },
      each.tiles.map(({ status }, i) => status === "failed" && total && !closer && el("i", { "--at": `${(100 * i) / total}%`, "--wide": `${100 / total}%` }))),
    el("div", { class: "two-ends" }, el("span", {}, `${each.found.length - low} found${low ? `, ${low} doubtful` : ""}`), el("span", {}, left)),
    warned(each),
  ];
}

function warned(each) {
  return el("p", { class: "warned" }, each.warned && [icon("warn"), `Tile ${each.warned.number} failed: ${each.warned.reason || "no reason was given"}. This search does not ask it again.`]);
}

function histogram(each, objects) {
  const counts = new Array(BINS).fill(0);
  const line = each.result?.doubt_line ?? state.info.doubt;
  for (const { score } of objects) counts[Math.min(BINS - 1, Math.floor(score * BINS))]++;
  const most = Math.max(1, ...counts);
  const shown = objects.filter(({ score }) => score >= leastOf(each)).length;
  least.set(leastOf(each), { mark: line, title: "Objects with a lower score are left out of the map and the list." });
  return [
    el("div", { class: "head" }, el("h2", {}, "Show from score"), el("span", { class: "quiet" }, "redrawn at once")),
    el("div", { class: "histogram", "aria-hidden": "true" }, counts.map((count, i) => el("i", { class: (i + 0.5) / BINS < line ? "low" : "", "--high": `${Math.round((38 * count) / most)}px` }))),
    leastPlace(),
    el("div", { class: "two-ends" }, el("span", {}, `${leastOf(each).toFixed(2)}; dashed below ${line.toFixed(2)}`), el("span", {}, `${shown} of ${objects.length} ${state.picture.large ? "on the map" : "in the picture"}`)),
  ];
}

const SORTS = { found: "Found", score: "Score", size: "Size", place: "Place" };

function sorted(each, rows) {
  const by = {
    score: (a, b) => b.object.score - a.object.score,
    size: (a, b) => (b.object.mask_pixels ?? 0) - (a.object.mask_pixels ?? 0),
    place: (a, b) => a.object.box_xyxy[1] - b.object.box_xyxy[1] || a.object.box_xyxy[0] - b.object.box_xyxy[0],
  }[isWorking(each) ? "found" : each.sort];
  return by ? [...rows].sort(by) : rows;
}

function row(each, { object, index, low }) {
  const [x0, y0, x1, y1] = object.box_xyxy;
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const where = state.picture.transform ? toMap(x, y) : null;
  const metric = where && Math.abs(where[0]) > 400;
  const place = !where ? [`x ${thin(x)}`, `y ${thin(y)}`] : metric ? [`${thin(where[0])} E`, `${thin(where[1])} N`] : [`${where[0].toFixed(5)}°`, `${where[1].toFixed(5)}°`];
  const is = index === each.object;
  return el(
    "div",
    {
      class: `object${low ? " grey" : ""}`, role: "option", "aria-selected": String(is), tabindex: is || (each.object < 0 && index === 0) ? "0" : "-1", "data-keep": `o${index}`,
      "aria-label": `Object ${index + 1}, ${area(object)}, score ${object.score.toFixed(2)}${low ? ", doubtful" : ""}`,
      onclick: () => chooseObject(each, index),
      onkeydown: (event) => event.key === "Enter" && (event.stopPropagation(), event.preventDefault(), is ? open(each, object) : chooseObject(each, index)),
      ondblclick: () => open(each, object),
    },
    el("span", { class: "crop" }, el("canvas", { "data-side": "40", "data-at": String(index) }), el("span", { class: "letter" }, String(index + 1))),
    el("strong", {}, area(object) || "–"),
    el("span", {}, place[0], el("br"), place[1]),
    el("span", { class: "evidence", "--part": `${Math.round(100 * Math.min(1, object.score))}%` }, el("span", { class: "bar" }), `${object.score.toFixed(2)}${low ? " doubtful" : ""}`),
  );
}

/** Ask the same of the window round one object, in a layer of its own, so that its whole chain is there. */
function open(each, object) {
  const [x0, y0, x1, y1] = object.box_xyxy;
  const room = Math.max(x1 - x0, y1 - y0, 100);
  const [height, width] = state.picture.hw;
  const area = [Math.max(0, x0 - room), Math.max(0, y0 - room), Math.min(width, x1 + room), Math.min(height, y1 + room)].map(Math.round);
  document.dispatchEvent(new CustomEvent("open-object", { detail: { each, area } }));
}

/** What the server does: it keeps no half a search. */
export const AGAIN = "Asks every tile again, and those that failed too";

export function drawObjects() {
  const each = layer();
  const place = $("s-objects");
  place.hidden = !isSearch(each) || each.status === "failed" || each.status === "lost" || each.status === "not asked";
  if (place.hidden) return;
  const busy = isWorking(each);
  const objects = each.objects.length || each.result ? each.objects : each.found;
  const rows = sorted(each, shownObjects(each));
  const head = el("div", { class: "head" }, el("h2", {}, "Objects"), el("span", { class: "quiet" }, busy ? "in the order found; sort when done" : objects.length ? "" : (each.result?.why_empty ?? "none")),
    !busy && objects.length > 1 && el("span", { class: "sorting", role: "group", "aria-label": "Order" }, Object.entries(SORTS).map(([name, text]) =>
      el("button", { type: "button", "aria-pressed": String(each.sort === name), "data-keep": `by-${name}`, onclick: () => ((each.sort = name), changed()) }, text))));
  const chosen = objects[each.object];
  const part = (name, ...children) => el("div", { class: "part", "data-keep": name }, children);
  fill(
    place,
    busy ? part("search", searching(each)) : each.warned && part("search", warned(each)),
    objects.length > 0 && part("scores", histogram(each, objects)),
    part(
      "list",
      head,
      el("div", { id: "objects", class: "objects", role: "listbox", "aria-label": "Objects" }, rows.slice(0, MOST).map((one) => row(each, one))),
      rows.length > MOST && el("p", { class: "note" }, `${rows.length - MOST} more are on the map and in the download`),
      !busy && el("div", { class: "ways" },
        chosen && el("button", { class: "edge", type: "button", "data-keep": "open", onclick: () => open(each, chosen) }, `Open object ${each.object + 1}`),
        each.status === "found" && each.left > 0 && el("button", { class: "edge", type: "button", title: AGAIN, onclick: () => run(each) }, "Search the rest")),
    ),
  );
  for (const canvas of place.querySelectorAll(".crop canvas")) crop(canvas, objects[Number(canvas.dataset.at)].box_xyxy);
  arrows($("objects"), ".object");
}

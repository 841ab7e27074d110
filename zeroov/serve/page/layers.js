// The list of layers, each with its verdict, and what the chosen one's state means and offers.

import * as api from "./api.js";
import { isWorking, run, stop } from "./ask.js";
import { colourOf } from "./canvas.js";
import { $, alarm, arrows, copy, el, fill, icon, key, seconds, toast } from "./dom.js";
import { AGAIN } from "./objects.js";
import { isSearch, overlap } from "./search.js";
import { choose } from "./stages.js";
import { COLOURS, changed, isDoubtful, isStrange, layer, remember, snapshot, stages, state } from "./state.js";

const two = (value) => value.toFixed(2);

function verdict(each) {
  const line = (...parts) => el("span", { class: "verdict" }, parts);
  if (each.status === "failed") return el("span", { class: "verdict failed" }, icon("warn"), "Failed");
  if (each.status === "not asked" || each.status === "lost") return line("not asked yet");
  if (each.status === "queued") return el("span", { class: "verdict busy" }, `${nth(each.position)} in the queue`);
  if (isWorking(each)) return el("span", { class: "verdict clock busy", "data-since": String(each.started) }, seconds((performance.now() - each.started) / 1000));
  if (isSearch(each)) return line(icon("disc"), el("b", {}, String(each.objects.length)));
  if (each.status === "stopped") return line("Stopped");
  if (each.status === "nothing") return line(icon("none"), "Nothing found");
  if (isDoubtful(each)) return line(icon("half"), "Doubtful", el("b", {}, two(each.result.score)));
  return line(icon("disc"), el("span", { class: "unseen" }, "Found, score"), el("b", {}, two(each.result.score)));
}

const nth = (number) => `${number}${["th", "st", "nd", "rd"][number % 100 > 3 && number % 100 < 21 ? 0 : Math.min(number % 10, 4) % 4] ?? "th"}`;

function tag(each) {
  const found = each.objects.length > 0 && !each.hidden;
  const looks = ["tag", found && "coloured", found && isDoubtful(each) && "dashed", each.number > COLOURS.length && "double"];
  const open = (event) => (event.stopPropagation(), menu(each, event.currentTarget.closest(".layer")));
  return el("span", { class: looks.filter(Boolean).join(" "), "--tag": colourOf(each), title: "Colour, ask again, delete (Space in the list)", onclick: open }, String(each.number));
}

export function pick(each) {
  state.chosen = state.layers.indexOf(each);
  $("sentence").value = each.sentence;
  changed();
}

function row(each, index) {
  const chosen = index === state.chosen;
  const grey = each.hidden || each.status === "nothing" || (isDoubtful(each) && !isSearch(each));
  const said = verdict(each);
  return el(
    "div",
    {
      class: `layer${grey ? " grey" : ""}`,
      role: "option",
      "aria-selected": String(chosen),
      tabindex: chosen ? "0" : "-1",
      title: each.sentence,
      "data-keep": each.key,
      onclick: () => pick(each),
      oncontextmenu: (event) => (event.preventDefault(), menu(each, event.currentTarget)),
      onkeydown: (event) => {
        if (event.target !== event.currentTarget) return;
        if (event.key === "Enter") event.preventDefault(), event.stopPropagation(), pick(each);
        if (event.key === "Delete") remove(each);
        if (event.key === " ") event.preventDefault(), event.stopPropagation(), menu(each, event.currentTarget);
      },
    },
    el("span", { class: "eye", title: "Show or hide (L)", onclick: (event) => (event.stopPropagation(), hide(each)) }, icon(each.hidden || each.status === "nothing" ? "eye-off" : "eye")),
    tag(each),
    el("span", { class: "words" }, each.sentence),
    said,
  );
}

export function hide(each = layer()) {
  if (!each) return;
  each.hidden = !each.hidden;
  changed();
}

function remove(each) {
  const at = state.layers.indexOf(each);
  if (isWorking(each)) stop(each);
  state.layers.splice(at, 1);
  state.chosen = Math.min(state.chosen, state.layers.length - 1);
  changed();
  toast(`Layer ${each.number} is deleted.`, "Undo", () => (state.layers.splice(at, 0, each), pick(each)), 10);
}

/** What else can be done with a layer; the menu lies beside the list, which is drawn again and again. */
function menu(each, row) {
  document.querySelector(".layer-menu")?.remove();
  const close = (back = true) => (made.remove(), back && document.querySelector(`[data-keep="${each.key}"]`)?.focus());
  const item = (text, act) => el("button", { type: "button", role: "menuitem", onclick: () => (close(), act()) }, text);
  const names = ["Yellow", "Sky", "Pink", "White", "Orange"];
  const made = el("div", { class: "menu layer-menu", role: "menu", "aria-label": `Layer ${each.number}`, onkeydown: (event) => event.key === "Escape" && (event.stopPropagation(), close()) },
    COLOURS.map((colour, i) => item([el("span", { class: "tag coloured", "--tag": colour, "aria-hidden": "true" }), names[i]], () => (Object.assign(each, { colour, shownColour: colour }), changed()))),
    item(each.hidden ? "Show" : "Hide", () => hide(each)),
    item("Ask again", () => run(each)),
    item("Delete", () => remove(each)));
  const box = row.getBoundingClientRect();
  Object.assign(made.style, { left: `${box.left + 40}px`, top: `${box.bottom - 6}px` });
  document.body.append(made);
  arrows(made, "button");
  made.addEventListener("focusout", (event) => made.contains(event.relatedTarget) || close(false));
  made.querySelector("button").focus();
}

export function drawLayers() {
  const place = $("s-layers");
  fill(
    place,
    el("div", { class: "head" }, el("h2", { id: "h-layers" }, "Layers"), el("span", { class: "quiet" }, "asked of this picture"),
      el("button", { class: "text-button", type: "button", "data-keep": "new", onclick: startNew }, icon("plus"), "New")),
    state.layers.length
      ? el("div", { id: "layers", role: "listbox", "aria-label": "Layers" }, state.layers.map(row))
      : el("p", { class: "reason note empty-note" }, "Describe one object above."),
  );
  arrows($("layers"), ".layer");
  const state_ = notice(layer());
  $("s-state").hidden = !state_;
  fill($("s-state"), state_ ?? []);
}

function startNew() {
  $("sentence").value = "";
  $("sentence").focus();
}

const button = (text, act, main = false) => el("button", { class: main ? "main" : "edge", type: "button", "data-keep": typeof text === "string" ? text : "way", onclick: act }, text);

/** What a state means in a sentence, and the ways on; null where the reason says it all. */
function notice(each) {
  if (state.lost)
    return state_("The server no longer has this picture.", "The link kept your sentences and settings. Open the picture again.",
      button(`Choose ${state.lost.name || "the picture"}`, () => $("file").click(), true), button("Start new", () => (location.hash = "", location.reload())));
  if (!each) return null;
  if (state.gone && !isWorking(each))
    return state_("The server does not answer.", "Everything shown here stays usable: layers, sliders, download. New questions wait.",
      button("Try again", tryAgain, true), button("Copy a link", () => copy(location.href)));
  if (each.status === "failed") return failedNotice(each);
  if (isWorking(each)) return isSearch(each) ? null : workingNotice(each);
  if (each.status === "stopped" && isSearch(each)) return stoppedNotice(each);
  if (each.status === "stopped") return state_("Stopped.", "Nothing was kept of this question.", button("Ask again", () => run(each), true));
  if (each.status === "nothing" && !isSearch(each)) return nothingNotice(each);
  if (each.result && isStrange() && !each.kept)
    return state_("This answer means nothing.", `Recipe ${state.info.recipe} knows drawn scenes only, and this is a real picture.`,
      button(["zeroov models get", icon("copy")], () => copy("zeroov models get"), true), button("Open a drawn scene", () => (location.hash = "", location.reload())));
  if (isDoubtful(each) && !isSearch(each)) return doubtfulNotice(each);
  return null;
}

function state_(lead, rest, ...ways) {
  return el("div", { class: "state" }, el("p", {}, el("b", {}, lead), ` ${rest}`), el("div", { class: "ways" }, ways));
}

function nothingNotice(each) {
  const looked = each.explain?.fused || each.explain?.overview;
  const lead = each.result?.says_absent || each.explain?.says_absent ? "The model answered that there is none." : "Nothing was found.";
  const line = each.result.doubt_line ?? state.info.doubt;
  const score = Number.isFinite(each.result.score) ? `the score there is ${two(each.result.score)}, your line is ${two(line)}.` : "";
  const rest = looked ? `It looked most at the ringed place; ${score}` : (each.result.why_empty ?? "");
  return state_(lead, rest,
    looked && button(each.looked ? "Hide the ring" : "Show where it looked", () => ((each.looked = !each.looked), choose("refine")), true),
    button("Look closer, in tiles", () => run(each, { search: true, zoom: true }), !looked));
}

function doubtfulNotice(each) {
  const own = each.explain?.answer_box && each.objects[0] ? overlap(each.explain.answer_box, each.objects[0].box_xyxy) : null;
  const line = each.result.doubt_line ?? state.info.doubt;
  const says = each.result.says_absent ? "The model said that there is none." : `Its score is ${two(each.result.score)}; your line is ${two(line)}.`;
  return state_("The model hardly believes this.", `${says}${own !== null && own < 0.3 ? ` Its own box lies elsewhere (own box ${two(own)}).` : ""}`,
    button("Keep as found", () => keep(each), true), button("Hide", () => hide(each)), button("Look closer", () => run(each, { zoom: true })));
}

function keep(each) {
  const before = snapshot(each);
  each.kept = true;
  remember(each, before);
  changed();
}

function failedNotice(each) {
  const { error } = each;
  const where = { overview: "Overview", focus: "Focus", evolve: "Evolve", select: "Choice", refine: "Refine" }[each.failedAt];
  const kept = Object.keys(each.progress).length > 1 ? "What the stages before found is kept." : "";
  const message = where ? `${where}: ${error.message}` : error.message;
  return state_(api.words({ message }), [api.words({ message: error.hint }), kept].filter(Boolean).join(" "),
    button("Try again", () => run(each), true), button("Copy the message", () => copy([error.code, error.message, error.hint].filter(Boolean).join("\n"))));
}

function stoppedNotice(each) {
  const { looked = 0, nodata = 0, failed = 0, stopped = 0 } = each.result.tiles ?? {};
  const total = looked + nodata + failed + stopped;
  const count = each.objects.length || each.found.length;
  return state_(`Stopped after ${total - stopped} of ${total} tiles.`, `${count} ${count === 1 ? "object is" : "objects are"} kept. The tiles not searched stay veiled on the map.`,
    Object.assign(button("Search the rest", () => run(each), true), { title: AGAIN }), button("Download these", () => $("s-download").querySelector("button:not(:disabled)")?.focus()));
}

function workingNotice(each) {
  const order = stages();
  const now = order.findIndex((stage) => !each.made.has(stage));
  const { done, total } = each.progress[each.progressStage] ?? {};
  const named = (stage) => (stage === "select" || stage === "detector" ? "Choice" : stage[0].toUpperCase() + stage.slice(1));
  const took = (stage) => (each.explain?.stages?.[stage] ? seconds(each.explain.stages[stage].seconds) : "done");
  const steps = order.map((stage, i) => {
    const at = each.made.has(stage) ? "done" : i === now && each.status === "working" ? "now" : "";
    const says = at === "done" ? took(stage) : at === "now" ? (total > 1 ? `${done} of ${total} steps` : "works") : "waits";
    return el("div", { class: at }, at === "now" ? el("span", { class: "spin" }) : icon(at === "done" ? "disc" : "ring"), el("span", {}, named(stage)), el("span", {}, says));
  });
  const loading = each.loading && el("p", {}, el("b", {}, `Loading ${named(each.loading.stage)}`), ", ", each.loading.seconds >= 1 ? `about ${seconds(each.loading.seconds)}` : el("span", { class: "clock", "data-since": String(each.loading.since) }, seconds((performance.now() - each.loading.since) / 1000)));
  const queued = each.status === "queued" ? el("p", {}, el("b", {}, `${nth(each.position)} in the queue.`), each.wait >= 1 ? ` About ${seconds(each.wait)}.` : " What was asked before is answered first.") : null;
  return el("div", { class: "state" }, loading, queued, el("div", { class: "steps" }, steps),
    el("div", { class: "ways" }, el("button", { class: "edge", type: "button", "data-keep": "stop", onclick: () => stop(each) }, "Stop", key("Esc"))));
}

export async function tryAgain() {
  try {
    await api.get("/health");
    state.gone = false;
    for (const each of state.layers) if (each.status === "failed" && api.isGone(each.error)) run(each);
    alarm("");
    toast("The server answers again.");
  } catch {
    toast("The server still does not answer.");
  }
  changed();
}


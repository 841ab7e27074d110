// Why this one: the sentence, and the candidates with their evidence side by side.

import { drawPart } from "./base.js";
import { $, arrows, el, fill, icon } from "./dom.js";
import { live } from "./live.js";
import { isWorking } from "./ask.js";
import { isSearch, overlap } from "./search.js";
import { canUndo, changed, clicksToUndo, layer, remember, snapshot, state } from "./state.js";
import { borne, undoOne } from "./tune.js";
import { asked, figure, two } from "./weigh.js";

const SHOWN = 6; // rows before the list scrolls
const WIDE = 46; // pixels for a name, where there are five columns
const pen = document.createElement("canvas").getContext("2d");

/** Five columns where the names of this machine's letters fit, else four. */
function most(evidences) {
  pen.font = "600 11px system-ui, sans-serif";
  return evidences.every(({ name }) => pen.measureText(name).width <= WIDE) ? 5 : 4;
}

/** The evidences that have a column: those whose figures differ most, in their own order. */
function columns(candidates) {
  const spread = (evidence) => {
    const logs = candidates.map((each) => Math.log(Math.max(1e-6, figure(each, evidence))));
    return Math.max(...logs) - Math.min(...logs);
  };
  const every = asked(candidates);
  const all = every.length > 4 ? every.filter((each) => spread(each) > 0.005) : every; // equal for all: says nothing
  const room = most(all);
  if (all.length <= room) return all;
  const best = [...all].sort((a, b) => spread(b) - spread(a)).slice(0, room);
  return all.filter((each) => best.includes(each));
}

/** In a recipe without candidates the answer itself is the only one. */
function only(each) {
  const [object] = each.objects;
  const box = each.explain.answer_box;
  const factors = box ? { answer: overlap(box, object.box_xyxy) } : {};
  return { letter: "A", box_xyxy: object.box_xyxy, score: each.explain.confidence ?? each.result.score, factors, sources: [] };
}

export function pickCandidate(each, letter) {
  const known = live(each);
  if (!known?.chosen || known.chosen === letter) return;
  const before = snapshot(each);
  each.picked = letter === known.best ? null : letter;
  remember(each, before);
  changed();
}

export function stepCandidate(by) {
  const each = layer();
  const known = live(each ?? {});
  if (!known?.chosen) return;
  const letters = each.explain.candidates.map(({ letter }) => letter);
  pickCandidate(each, letters[(letters.indexOf(known.chosen) + by + letters.length) % letters.length]);
}

export function drawWhy() {
  const each = layer();
  const place = $("s-why");
  place.hidden = !each || isSearch(each) || !each.explain || !each.objects.length || isWorking(each);
  if (place.hidden) return;
  const known = live(each);
  const many = Boolean(known?.chosen);
  const candidates = many ? each.explain.candidates : [only(each)];
  const shown = columns(candidates);
  const chosen = many ? known.chosen : "A";
  const says = many ? known.reason : { lead: "The only candidate.", rest: onlyReason(each, candidates[0]), deciding: [] };
  const clicks = clicksToUndo(each);
  place.style.setProperty("--columns", Math.max(4, shown.length));
  place.classList.toggle("crowded", shown.length > 4);
  const gaps = Array.from({ length: Math.max(0, 4 - shown.length) }, () => el("span"));
  fill(
    place,
    el("div", { class: "head" }, el("h2", { id: "h-why" }, "Why this one"),
      el("span", { class: "quiet" }, candidates.length === 1 ? "1 candidate" : `${candidates.length} candidates`),
      clicks > 0 && canUndo() && el("button", { class: "text-button", type: "button", "data-keep": "undo-clicks", onclick: () => undoClicks(clicks) }, icon("undo"), `Undo ${clicks} ${clicks === 1 ? "click" : "clicks"}`)),
    el("p", { class: "reason" }, el("b", {}, says.lead), " ", el("span", { class: says.short ? "long" : "" }, says.rest), says.short && el("span", { class: "short" }, says.short), " ",
      says.back && el("button", { class: "text-button", type: "button", "data-keep": "back", onclick: () => pickCandidate(each, says.back) }, `Back to ${says.back}`)),
    el("div", { class: "columns", "aria-hidden": "true" }, el("span"), shown.map((evidence) => heading(each, evidence, says.deciding, many)), gaps, el("span", {}, many ? "Total" : "Score")),
    el("div", { id: "candidates", role: "listbox", "aria-label": "Candidates" }, candidates.map((one, i) => row(each, one, i, shown, chosen, many ? known.value[i] : each.result.score))),
    candidates.length > SHOWN && el("p", { class: "note" }, `${candidates.length - SHOWN} more below`),
    table(candidates, asked(candidates), chosen, many ? known.value : [each.result.score]),
  );
  for (const canvas of place.querySelectorAll(".crop canvas")) crop(canvas, candidates[Number(canvas.dataset.at)].box_xyxy);
  arrows($("candidates"), ".candidate");
}

function undoClicks(count) {
  for (let i = 0; i < count; i++) undoOne();
}

function onlyReason(each, one) {
  const own = one.factors.answer;
  if (own === undefined) return "The model named no box of its own.";
  return own >= 0.5 ? `The model's own box agrees with it (${two(own)}).` : `The model's own box agrees little with it (${two(own)}).`;
}

function heading(each, evidence, deciding, many) {
  const weights = each.tune?.weights ?? {};
  const off = many && borne(each, evidence).every((name) => weights[name] === 0);
  const looks = [deciding.some(({ key }) => key === evidence.key) && "deciding", off && "struck"].filter(Boolean).join(" ");
  return el("span", { class: looks, title: `${evidence.name}: ${evidence.about}` }, evidence.name);
}

function row(each, one, at, shown, chosen, total) {
  const is = one.letter === chosen;
  const hover = (letter) => () => ((state.hover = letter), changed());
  return el(
    "div",
    {
      class: "candidate", role: "option", "aria-selected": String(is), tabindex: is ? "0" : "-1", "data-keep": `c${one.letter}`,
      "aria-label": `${one.letter}, total ${two(total)}: ${shown.map((evidence) => `${evidence.name} ${two(figure(one, evidence))}`).join(", ")}`,
      onclick: () => pickCandidate(each, one.letter),
      onpointerenter: hover(one.letter), onpointerleave: hover(null), onfocus: hover(one.letter), onblur: hover(null),
      onkeydown: (event) => event.key === "Enter" && (event.stopPropagation(), event.preventDefault(), pickCandidate(each, one.letter)),
    },
    el("span", { class: "crop" }, el("canvas", { "data-side": "44", "data-at": String(at) }), el("span", { class: "letter" }, one.letter)),
    shown.map((evidence) => {
      const value = figure(one, evidence);
      return el("span", { class: "evidence", "--part": `${Math.round(100 * Math.min(1, value))}%` }, el("span", { class: "bar" }), two(value));
    }),
    Array.from({ length: Math.max(0, 4 - shown.length) }, () => el("span")),
    el("span", { class: "total" }, two(total)),
  );
}

export function crop(canvas, [x0, y0, x1, y1]) {
  const room = Math.max(x1 - x0, y1 - y0) * 0.2;
  const [height, width] = state.picture.hw;
  const longer = Math.min(Math.max(x1 - x0, y1 - y0) + 2 * room, width, height);
  const inside = (middle, side) => Math.min(side - longer / 2, Math.max(longer / 2, middle));
  const [x, y] = [inside((x0 + x1) / 2, width), inside((y0 + y1) / 2, height)];
  drawPart(canvas, [x - longer / 2, y - longer / 2, x + longer / 2, y + longer / 2]);
}

/** The same as a table, for screen readers. */
function table(candidates, evidences, chosen, totals) {
  const cell = (tag, text, about = {}) => el(tag, about, text);
  const made = el("table", {}, el("caption", {}, "Candidates and their evidence"),
    el("thead", {}, el("tr", {}, cell("th", "Candidate", { scope: "col" }), evidences.map(({ name }) => cell("th", name, { scope: "col" })), cell("th", "Total", { scope: "col" }))),
    el("tbody", {}, candidates.map((one, i) => el("tr", {}, cell("th", `${one.letter}${one.letter === chosen ? ", chosen" : ""}`, { scope: "row" }),
      evidences.map((evidence) => cell("td", two(figure(one, evidence)))), cell("td", two(totals[i]))))));
  return el("div", { class: "unseen" }, made); // a table itself cannot be that small
}

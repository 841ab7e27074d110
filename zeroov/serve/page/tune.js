// The sliders: what can be computed here is redrawn at once; Refine, which needs the model, is a button.

import * as api from "./api.js";
import { $, el, fill, icon, key, seconds, toast } from "./dom.js";
import { recipeOf } from "./link.js";
import { cutBox, live, staleness, weighs } from "./live.js";
import { isSearch } from "./search.js";
import { slider } from "./slider.js";
import { peek } from "./stages.js";
import { changed, layer, redo, remember, snapshot, stages, state, undo } from "./state.js";
import { EVIDENCE, asked } from "./weigh.js";

const greek = (name, sign) => [`${name} `, el("i", { class: "greek" }, sign)];
let before = null;
let measure = null; // called in the frame that shows a slider's change

export const onSlide = (act) => (measure = act);

function move(change, stage, show) {
  const each = layer();
  const start = performance.now();
  before ??= snapshot(each);
  each.tuned = true;
  change(each);
  live(each);
  peek(stage, show);
  measure?.(start);
}

function settled() {
  if (before) remember(layer(), before, "slide");
  before = null;
  changed();
}

const maps = [
  ["k", "Seeds", "k", { name: "k", min: 1, max: 20, step: 1, digits: 0, title: "How many of the brightest values of Overview the region starts from." }, "grown"],
  ["tau", "Grow above", "τ", { name: "tau", min: 0, max: 1, step: 0.01, title: "The region grows over cells of the fused map above this." }, "grown"],
  ["alpha", "Cut above", "α", { name: "alpha", min: 0, max: 1, step: 0.01, title: "The mask is the grown map above this." }, "purified"],
];
const made = {};
for (const [name, label, sign, about, show] of maps)
  made[name] = slider({ ...about, label: greek(label, sign), slide: (value) => move((each) => (each.tune[name] = value), "evolve", show), settle: settled });

/** A weight in as few figures as it has, but one behind the point. */
const short = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(Number(value.toFixed(2))));
const weights = {};
for (const evidence of EVIDENCE)
  weights[evidence.key] = slider({
    label: evidence.name, name: `Weight of ${evidence.name}`, min: 0, max: 2, step: 0.05, say: short, title: evidence.about,
    slide: (value) => move((each) => setWeight(each, evidence, value), "refine"), settle: settled,
  });

/** Which of an evidence's factors some candidate bears. */
export function borne(each, evidence) {
  const names = new Set(["score", ...each.explain.candidates.flatMap(({ factors }) => Object.keys(factors ?? {}))]);
  return evidence.factors.filter((name) => names.has(name) || (name === "relation" && [...names].some((one) => one.startsWith("relation_"))));
}

function setWeight(each, evidence, value) {
  for (const name of borne(each, evidence)) each.tune.weights[name] = value;
}

const line = el("div", { class: "refine-line" });
const timing = el("span", { class: "quiet" });
const notHere = el("span", { class: "quiet" });
const weightPlace = el("div");
const reset = el("button", { class: "text-button", type: "button", onclick: resetAll }, icon("reset"), "Reset");
let laidOut = "";

function resetAll() {
  const each = layer();
  const was = snapshot(each);
  Object.assign(each, { tune: recipeOf(each.explain), picked: null });
  remember(each, was);
  changed();
}

function layOut() {
  fill(
    $("s-tune"),
    el("div", { class: "head" }, el("h2", { id: "h-tune" }, "Tune"), timing, reset),
    Object.values(made).map(({ node }) => node),
    weightPlace,
    line,
  );
}

export function drawTune() {
  const each = layer();
  const place = $("s-tune");
  place.hidden = !each?.tune || !each.explain?.fused || isSearch(each) || !each.result;
  if (place.hidden) return;
  if (!laidOut) layOut();
  const recipe = recipeOf(each.explain);
  for (const [name] of maps) made[name].set(each.tune[name], { mark: recipe[name] });
  timing.textContent = state.drawnIn ? `redrawn in ${Math.max(1, Math.round(state.drawnIn))} ms, no model ran` : "redrawn here, no model runs";
  reset.disabled = !each.picked && JSON.stringify(each.tune) === JSON.stringify(recipe);
  drawWeights(each, recipe);
  drawLine(each);
}

function drawWeights(each, recipe) {
  const candidates = weighs(each.explain) ? each.explain.candidates : [];
  const heard = candidates.length ? asked(candidates) : [];
  const usual = ["source", "attention", "relation", "own", "place", "looks"];
  const listed = EVIDENCE.filter((one) => heard.includes(one) || usual.includes(one.key)).sort((a, b) => heard.includes(b) - heard.includes(a));
  const now = candidates.length ? listed.map(({ key: name }) => name).join() : "none";
  if (laidOut !== now) {
    laidOut = now;
    fill(weightPlace, now !== "none" && [el("div", { class: "sub" }, el("span", {}, "Weight of the evidence"), notHere), el("div", { class: "weights" }, listed.map(({ key: name }) => weights[name].node))]);
  }
  if (now === "none") return;
  const silent = listed.filter((one) => !heard.includes(one));
  const named = silent.map(({ name }) => name.toLowerCase()).join(", ");
  notHere.title = silent.length ? `${named}: not in this sentence` : "";
  notHere.textContent = silent.length > 2 ? "grey: not in this sentence" : notHere.title; // more names do not fit
  for (const evidence of listed) {
    const [first] = borne(each, evidence);
    if (!first) weights[evidence.key].set(1, { off: `${evidence.name}: not in this sentence` });
    else weights[evidence.key].set(each.tune.weights[first] ?? 1, { mark: recipe.weights[first] ?? 1 });
  }
}

const refineSeconds = (each) => each.refineSeconds ?? each.explain?.stages?.refine?.seconds ?? each.result?.stages?.refine?.seconds;

function drawLine(each) {
  const stale = stages().includes("refine") ? staleness(each) : "";
  line.classList.toggle("stale-line", Boolean(stale));
  const expected = refineSeconds(each);
  fill(
    line,
    stale && (each.objects.length || !/^[A-Z]/.test(stale)) ? [icon("warn"), el("span", {}, `Refine still shows ${stale}`),
      el("button", { class: "edge", type: "button", "data-keep": "again", onclick: () => refineAgain(each) }, `Refine again${expected ? `, ${seconds(Math.max(0.1, expected))}` : ""}`, key("R"))]
      : el("span", {}, !stages().includes("refine") ? "This recipe has no Refine" : !each.objects.length ? "Nothing was refined" : each.points.length ? "Refine fits these values and your clicks" : "Refine fits these values"),
  );
}

/** Draw the outline again by Segment Anything: in the candidate's box, or in what the sliders cut, with the clicks. */
export async function refineAgain(each = layer(), was = null) {
  if (!each?.result || !stages().includes("refine")) return;
  const known = live(each);
  const candidate = known?.chosen && each.explain.candidates.find(({ letter }) => letter === known.chosen);
  const letterChanged = candidate && each.fits?.chosen !== known.chosen;
  const sliderChanged = known && ["k", "tau", "alpha"].some((name) => each.tune[name] !== each.fits?.[name]);
  let box = each.box;
  if (letterChanged) box = candidate.box_xyxy;
  else if (sliderChanged) box = cutBox(each);
  if (sliderChanged && !letterChanged && !box) return toast("These values cut out nothing; there is nothing to refine.");
  box ??= candidate?.box_xyxy ?? each.explain?.coarse_box ?? each.objects[0]?.box_xyxy;
  const first = was ?? snapshot(each);
  const start = performance.now();
  each.turn = (each.turn ?? 0) + 1;
  const { turn } = each;
  try {
    const result = await api.post(`/v1/pictures/${state.picture.id}/refine`, { result: each.asked ?? each.result.id, ...(box && { box }), ...(each.points.length && { points: each.points }) });
    if (turn !== each.turn) return; // a later click was faster
    state.gone = false;
    const found = (result.found ?? []).map((object) => ({ ...object }));
    each.asked ??= each.result.id;
    Object.assign(each, { box, objects: found.length ? found : each.objects, refineSeconds: (performance.now() - start) / 1000 });
    each.result = { ...each.result, id: result.id, found: result.found };
    each.fits = { ...structuredClone(each.tune), chosen: known?.chosen };
    if (found.length && each.status === "nothing") Object.assign(each, { status: "found", result: { ...each.result, score: result.score, status: "found" } });
    if (!found.length) toast("Segment Anything drew nothing there; the outline before is kept.");
    remember(each, first, was ? "click" : "change");
  } catch (error) {
    if (api.isGone(error)) state.gone = true;
    if (was) each.points = was.points;
    toast(error.message);
  } finally {
    each.busyPoint = null;
    changed();
  }
}

/** Set, move or take away a point, and refine at once. */
export function setPoints(each, points, busy = points.length - 1) {
  const was = snapshot(each);
  Object.assign(each, { points, busyPoint: busy, busySince: performance.now() });
  setTimeout(changed, 320);
  changed();
  return refineAgain(each, was);
}

export const undoOne = () => undo() || toast("There is nothing to undo.");
export const redoOne = () => redo() || toast("There is nothing to redo.");


// A question from the field to its answer: jobs, their events, results, and what each failure is called.

import * as api from "./api.js";
import { drawPart } from "./base.js";
import { farthestFree } from "./colours.js";
import { alarm, say, toast } from "./dom.js";
import { recipeOf } from "./link.js";
import { live } from "./live.js";
import { isSearch, overlap } from "./search.js";
import { COLOURS, changed, isDoubtful, layer, newLayer, state } from "./state.js";

const SAME = 0.3; // overlap, above which two boxes of one search show one object
const WORKING = ["waiting", "queued", "working"];
export const isWorking = (each) => WORKING.includes(each?.status) && each.job !== null;
export const working = () => state.layers.filter(isWorking);

/** Ask a sentence of the picture; a repeated sentence opens its layer. */
export function ask(sentence, every, about = {}) {
  const text = sentence.trim().replace(/\s+/g, " ");
  const same = state.layers.findIndex((each) => each.sentence === text && each.every === every && each.status !== "failed" && !about.area === !each.area);
  if (same >= 0 && !about.area && state.layers[same].status !== "not asked") {
    state.chosen = same;
    changed();
    return Promise.resolve();
  }
  const made = Object.assign(same >= 0 && state.layers[same].status === "not asked" ? state.layers[same] : newLayer(text, every), about);
  if (!state.layers.includes(made)) state.layers.push(made);
  state.chosen = state.layers.indexOf(made);
  if (state.stage === "picture" || isSearch(made)) state.stage = "refine";
  return run(made);
}

/** Send a layer's question, and follow it until it is answered. */
export async function run(each, more = {}) {
  Object.assign(each, { status: "waiting", error: null, job: "", started: performance.now(), progress: {}, progressStage: "", made: new Set(), loading: null, ended: false, quarter: 0, tiles: [], found: [], result: null, objects: [], explain: null, tied: null, looked: false, live: null });
  each.least ??= null;
  each.searching = each.every || (state.picture.large && !each.area);
  each.stop = new AbortController();
  changed();
  const { id } = state.picture;
  try {
    const answer = await api.ask(id, { expressions: [each.sentence], all: each.every, ...(each.area && { area: each.area }), ...more });
    let results = answer.results;
    if (!results || answer.id) {
      each.job = answer.id;
      await api.events(answer.id, (name, data) => hear(each, name, data), each.stop.signal);
      if (each.status === "failed") return;
      ({ results } = await api.get(`/v1/jobs/${answer.id}/results`));
    }
    if (state.picture?.id === id) await answered(each, results[0]);
    state.gone = false;
  } catch (error) {
    if (error.name !== "AbortError") failed(each, error);
  } finally {
    each.job = null;
    changed();
  }
}

function hear(each, name, data) {
  if (name === "queued") Object.assign(each, { status: "queued", position: data.position, wait: data.wait_seconds });
  else if (name === "stage") {
    each.status = "working";
    const stage = String(data.stage ?? "").toLowerCase();
    each.progressStage = stage;
    each.progress[stage] = { done: data.done, total: data.total };
    milestones(each, data);
  } else if (name === "map") {
    each.made.add(data.stage);
    partial(each);
  }
  else if (name === "loading" || name === "loaded") each.loading = name === "loading" ? { ...data, since: performance.now() } : null;
  else if (name === "tile") tile(each, data);
  else if (name === "found") {
    seen(each, object(data));
    paintLayer(each);
  } else if (name === "done") {
    each.status = "working";
    each.ended = true;
    each.dismissed = data.status === "dismissed";
  } else if (name === "failed") failed(each, new api.ApiError(500, data.error?.code, data.error?.message ?? "The server gave no reason.", data.error?.hint));
  changed();
}

function milestones(each, { done, total }) {
  if (!total) return;
  const quarter = Math.floor((4 * done) / total);
  if (quarter > (each.quarter ?? 0) && quarter < 4) say(`${quarter * 25} %`);
  each.quarter = quarter;
}

function tile(each, { window_xyxy: window, status, reason }) {
  const known = each.tiles.find((other) => String(other.window) === String(window));
  each.status = "working";
  each.searching = true;
  if (known) Object.assign(known, { status, reason });
  else each.tiles.push({ window, status, reason });
  if (status === "failed") each.warned = { number: each.tiles.indexOf(known ?? each.tiles.at(-1)) + 1, reason };
}

/** Take in an object of a running search; what two tiles saw, or a closer look drew, keeps its place in the list. */
function seen(each, one) {
  const at = each.found.findIndex((other) => overlap(other.box_xyxy, one.box_xyxy) > SAME);
  if (at < 0) each.found.push(one);
  else if (one.polygons || (!each.found[at].polygons && one.score > each.found[at].score)) each.found[at] = one;
}

/** Fetch what the stages made so far, so that each is shown as soon as it is there. */
async function partial(each) {
  if (each.asking) return;
  each.asking = true;
  try {
    await new Promise((go) => setTimeout(go, 150)); // a quick answer needs none
    if (!each.job || each.ended) return;
    take(each, await api.get(`/v1/jobs/${each.job}/explain`));
    if (isTied(each)) await tie(each);
    changed();
  } catch {
    // It is a foretaste: the whole comes with the answer.
  } finally {
    each.asking = false;
  }
}

const object = (given) => ({ ...given, doubtful: given.doubtful ?? null });

function take(each, explain) {
  each.explain = { ...explain, overview: api.array(explain.overview), cross: api.array(explain.cross_on_grid), fused: api.array(explain.fused) };
  if (explain.recipe && !each.tuned) each.tune = recipeOf(explain); // a foretaste may lack the weights
}

const isTied = ({ explain, tied }) => Boolean(explain?.cross && explain.affinity && !tied);

/** Fetch what one cell is tied to: by default that of the best seed. */
export async function tie(each, cell = null) {
  const { cross } = each.explain;
  let [row, col] = cell ?? [0, 0];
  if (!cell) cross.at.forEach((value, i) => value > cross.at[row * cross.cols + col] && ([row, col] = [Math.floor(i / cross.cols), i % cross.cols]));
  try {
    const from = each.job ? `jobs/${each.job}` : `results/${each.result.id}`; // as soon as its map is there
    const map = api.array(await api.get(`/v1/${from}/focus?row=${row}&col=${col}`));
    each.tied = { row, col, map };
    changed();
  } catch (error) {
    if (cell) toast(error.message);
  }
}

/** Take in a result: of a new question, of Refine, or one that a link names. */
export async function answered(each, result) {
  Object.assign(each, { result, objects: (result.found ?? []).map(object), looked: false, live: null });
  each.left = (result.not_looked_at ?? []).filter(({ status }) => status !== "nodata").length;
  each.seconds = result.seconds || (performance.now() - each.started) / 1000;
  if (isSearch(each)) adoptFound(each);
  paintLayer(each);
  try {
    // A stopped search had no look at the whole, and nothing to explain.
    if (Object.keys(result.stages ?? {}).length) take(each, await api.get(`/v1/results/${result.id}/explain`));
  } catch (error) {
    if (api.isGone(error)) state.gone = true;
    each.unexplained = error.message;
  }
  each.status = each.dismissed ? "stopped" : result.status === "found" ? "found" : "nothing";
  if (each.explain && each.tune) each.fits = { ...structuredClone(each.tune), chosen: live(each)?.chosen };
  if (isTied(each)) tie(each);
  announce(each);
  changed();
}

/** Objects that were listed while the search ran keep their order; the answer's own come behind them. */
function adoptFound(each) {
  const place = (one) => each.found.findIndex((other) => overlap(other.box_xyxy, one.box_xyxy) > SAME);
  const order = new Map(each.objects.map((one) => [one, place(one)]));
  each.objects.sort((a, b) => (order.get(a) + 1 || 1e6) - (order.get(b) + 1 || 1e6));
}

function announce(each) {
  const candidates = each.explain?.candidates?.length ?? 0;
  const letter = live(each)?.chosen;
  if (each.status === "nothing") say(`Nothing found: ${each.sentence}`);
  else if (isSearch(each)) say(`${each.status === "stopped" ? "Stopped" : "Done"}, ${each.objects.length} found`);
  else if (each.status === "found") say(`${isDoubtful(each) ? "Doubtful" : "Found"}, score ${each.result.score.toFixed(2)}${candidates > 1 ? `, candidate ${letter} of ${candidates}` : ""}`);
}

/** Give a layer the free colour that differs most from the pixels round its object. */
function paintLayer(each) {
  if (each.colour) return;
  const first = each.objects[0] ?? each.found[0];
  const taken = state.layers.filter((other) => other !== each).map((other) => other.colour);
  const free = COLOURS.filter((colour) => !taken.includes(colour));
  if (!first) return;
  each.colour = free.length ? farthestFree(free, first.box_xyxy, drawPart) : COLOURS[(each.number - 1) % COLOURS.length];
  each.shownColour = each.colour;
}

function failed(each, error) {
  if (api.isGone(error)) state.gone = true;
  if (error.status === 404 && !each.job) {
    state.lost = state.picture;
    each.status = "lost";
  } else {
    Object.assign(each, { status: "failed", error, failedAt: each.progressStage });
    alarm(`Failed: ${each.sentence}. ${error.message}`);
  }
  changed();
}

/** Stop a layer's work; what was found is kept. */
export async function stop(each = layer()) {
  if (!isWorking(each)) return;
  each.stopping = true;
  changed();
  try {
    if (each.job) await api.request(`/v1/jobs/${each.job}`, { method: "DELETE" });
    if (!each.searching) {
      each.stop.abort();
      each.status = "stopped";
    }
  } catch (error) {
    failed(each, error);
  } finally {
    each.stopping = false;
    changed();
  }
}

// What follows from a layer's maps and sliders, computed in the page: region, contour, ranking. Kept until they change.

import { binarise, blobNear, evolved, grow, makeMap, maskBox, resize, seeds } from "./evolve.js";
import { contour, pathOf, ringsOf } from "./outline.js";
import { recipeOf } from "./link.js";
import { state } from "./state.js";
import { reason, weigh } from "./weigh.js";

const FINE = 384; // samples along the longer side of a map when its contour is drawn

/** The window of the picture that a layer's maps cover, xyxy. */
export const frameOf = (each) => each.explain?.window_xyxy ?? each.result?.area_xyxy ?? each.area ?? [0, 0, state.picture.hw[1], state.picture.hw[0]];

/** Whether candidates were weighed: a recipe without Select has one, and no weights. */
export const weighs = (explain) => Boolean(explain?.candidates?.length && Object.keys(explain.weights ?? {}).length);

function cut(maps, region, alpha, canvas, frame) {
  const [x0, y0, x1, y1] = frame;
  const inside = evolved(maps.fused, region);
  const longer = Math.max(x1 - x0, y1 - y0);
  const side = Math.min(FINE, canvas || longer);
  const rows = Math.max(maps.fused.rows, Math.round((side * (y1 - y0)) / longer));
  const cols = Math.max(maps.fused.cols, Math.round((side * (x1 - x0)) / longer));
  const rings = contour(resize(inside, rows, cols), alpha);
  return pathOf(rings, (x1 - x0) / cols, (y1 - y0) / rows, x0, y0);
}

/** Return {region, seeds, path, recipePath, box, order, value, best, reason} of a layer that has maps. */
export function live(each) {
  const { explain, tune } = each;
  if (!explain?.fused || !tune) return null;
  const key = JSON.stringify([tune, each.picked]);
  if (each.live?.key === key && each.live.maps === explain.fused) return each.live;
  const frame = frameOf(each);
  const maps = { fused: explain.fused, cross: explain.cross };
  const recipe = recipeOf(explain);
  const { canvas } = explain.recipe;
  const whole = explain.recipe.growing === false; // an ablation: the region is the whole grid
  const grown = ({ k, tau }) => (whole ? makeMap(maps.fused.rows, maps.fused.cols, new Uint8Array(maps.fused.at.length).fill(1)) : grow(maps.fused, maps.cross, k, tau));
  const region = grown(tune);
  const kept = each.live?.maps === explain.fused && each.live.recipe;
  const made = { key, maps: explain.fused, region, seeds: seeds(maps.cross, tune.k), path: cut(maps, region, tune.alpha, canvas, frame) };
  made.recipe = kept || cut(maps, grown(recipe), recipe.alpha, canvas, frame);
  if (weighs(explain)) {
    const { order, value } = weigh(explain.candidates, tune.weights);
    Object.assign(made, { order, value, reason: reason(explain.candidates, tune.weights, each.picked) });
    made.best = explain.candidates[order[0]].letter;
    made.chosen = each.picked ?? made.best;
  }
  each.live = made;
  return made;
}

/**
 * The tight box of what the sliders cut, in pixels of the picture, exactly as the pipeline's mask has it; or null.
 * Where a candidate is chosen, of the part that lies on it.
 */
export function cutBox(each) {
  const [x0, y0, x1, y1] = frameOf(each);
  const { region, chosen } = live(each);
  const mask = binarise(each.explain.fused, region, [y1 - y0, x1 - x0], each.tune.alpha, each.explain.recipe.canvas);
  const near = each.explain.candidates?.find(({ letter }) => letter === chosen)?.box_xyxy;
  const box = maskBox(near ? blobNear(mask, [near[0] - x0, near[1] - y0, near[2] - x0, near[3] - y0]) : mask);
  return box && [box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0];
}

/** What of the sliders Refine's outline was made with and is no longer so: "α 0.40", or "". */
export function staleness(each) {
  const { tune, fits, explain } = each;
  if (!tune || !fits || !explain || !each.result) return "";
  const now = live(each);
  if (now?.chosen && fits.chosen && fits.chosen !== now.chosen) return fits.chosen;
  const names = [["k", "k", 0], ["tau", "τ", 2], ["alpha", "α", 2]].filter(([name]) => tune[name] !== fits[name]);
  return names.map(([name, sign, digits]) => `${sign} ${fits[name].toFixed(digits)}`).join(", ");
}

const outlines = new WeakMap();

/** The smooth outline of an object that the server found, and its point furthest to the upper left; made once. */
function outlineOf(object) {
  let made = outlines.get(object);
  if (!made) {
    const rings = ringsOf(object);
    const corner = rings.flat().reduce((best, point) => (point[0] + point[1] < best[0] + best[1] ? point : best), [Infinity, Infinity]);
    outlines.set(object, (made = { path: pathOf(rings), corner }));
  }
  return made;
}

export const objectPath = (object) => outlineOf(object).path;
export const objectCorner = (object) => outlineOf(object).corner;

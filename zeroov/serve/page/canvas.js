// What the canvas shows, drawn whenever something changed.

import { drawBase, grey } from "./base.js";
import { $ } from "./dom.js";
import * as draw from "./draw.js";
import { heatImage, peak, toOne } from "./heat.js";
import { frameOf, live, objectCorner, objectPath } from "./live.js";
import { drawEdges, drawSearch, drawTags } from "./search-draw.js";
import { isSearch, shownObjects } from "./search.js";
import { hasMap, shown } from "./stages.js";
import { COLOURS, isDoubtful, layer, state } from "./state.js";
import { fit, isInSight, toScreen, view } from "./view.js";

const SPARE = 8;
const FADE = 120; // milliseconds from one stage to the next
const still = matchMedia("(prefers-reduced-motion: reduce)");
let last = {}; // what was painted before
const canvas = $("canvas");
export const colourOf = (each) => each.colour ?? COLOURS[(each.number - 1) % COLOURS.length];
export const hits = []; // {box, layer, object} of tags, on the screen, for clicks

/** The map that a stage shows of a layer, scaled to 1, or null. */
export function mapOf(each, stage) {
  const explain = each?.explain;
  if (!explain) return null;
  if (stage === "focus") return each.tied?.map ? toOne(each.tied.map, SPARE) : null;
  const map = stage === "overview" ? (explain.overview ?? explain.cross) : explain.fused;
  return map ? toOne(map) : null;
}

export function resized() {
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  if (state.picture && (view.width !== box.width || view.height !== box.height)) {
    const [dx, dy] = [(box.width - view.width) / 2, (box.height - view.height) / 2];
    Object.assign(view, { width: box.width, height: box.height });
    if (view.free) Object.assign(view, { x: view.x + dx, y: view.y + dy });
    else fit();
  }
}

/** Draw everything; `extra` draws what is under the hand, in screen pixels. */
export function paint(extra) {
  const ctx = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  hits.length = 0;
  const { stage, show } = shown();
  const chosen = layer();
  fadeOut(stage, chosen);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  if (!state.picture) return;
  const inPicture = () => ctx.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  const onScreen = () => ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  inPicture();
  drawBase(ctx);
  if (state.bare) return;
  const map = hasMap(stage) && chosen && !chosen.hidden ? mapOf(chosen, stage) : null;
  if (map) {
    const [x0, y0, x1, y1] = frameOf(chosen);
    grey(ctx);
    ctx.globalAlpha = state.opacity;
    ctx.imageSmoothingEnabled = true;
    ctx.drawImage(heatImage(map), x0, y0, x1 - x0, y1 - y0);
    ctx.globalAlpha = 1;
  }
  const visible = state.layers.filter((each) => !each.hidden);
  if (!hasMap(stage)) paintAnswers(ctx, visible, stage, inPicture, onScreen);
  else if (chosen && !chosen.hidden) paintMap(ctx, chosen, stage, show, inPicture, onScreen);
  onScreen();
  if (chosen && !chosen.hidden && (stage === "refine" || stage === "picture")) paintPoints(ctx, chosen);
  extra?.(ctx);
  if (state.picture.transform) drawEdges(ctx);
}

/** Let the stage before fade out over the one that is painted now; what a slider changes is there at once. */
function fadeOut(stage, chosen) {
  const now = { stage, picture: state.picture, chosen, place: [view.scale, view.x, view.y, canvas.width, canvas.height].join() };
  const same = now.picture === last.picture && now.chosen === last.chosen && now.place === last.place;
  if (same && now.stage !== last.stage && !state.peek && !still.matches) {
    const over = Object.assign($("fade"), { width: canvas.width, height: canvas.height });
    over.getContext("2d").drawImage(canvas, 0, 0);
    over.animate({ opacity: [1, 0] }, FADE);
  }
  last = now;
}

function style(each, chosen) {
  return {
    colour: colourOf(each),
    width: each === chosen ? 2.75 : 2,
    dashed: isDoubtful(each),
    double: each.number > COLOURS.length,
  };
}

function paintAnswers(ctx, visible, stage, inPicture, onScreen) {
  const chosen = layer();
  const { hw } = state.picture;
  const shownBy = visible.map((each) => [each, shownObjects(each)]);
  if (state.dim) draw.dim(ctx, shownBy.flatMap(([, objects]) => objects.map(({ object }) => objectPath(object))), hw, state.dim);
  if (isSearch(chosen) && stage !== "picture") drawSearch(ctx, chosen, stage, onScreen, inPicture);
  if (stage === "picture") return;
  inPicture();
  shownBy.sort(([a], [b]) => (a === chosen) - (b === chosen)); // the chosen one lies on top
  for (const [each, objects] of shownBy) {
    for (const { object, low, index } of objects) {
      if (!isInSight(object.box_xyxy)) continue;
      const many = isSearch(each);
      const current = many && each === chosen && index === each.object;
      const looks = { ...style(each, chosen), dashed: low || (isDoubtful(each) && !many) };
      draw.outline(ctx, objectPath(object), view, hw, current ? { ...looks, width: 3.2, edge: true } : many ? { ...looks, width: 2 } : looks);
    }
  }
  onScreen();
  const placed = [];
  for (const [each, objects] of shownBy) {
    if (isSearch(each)) drawTags(ctx, each, objects, hits);
    else if (objects.length) placed.push(paintTag(ctx, each, objects[0].object, placed));
  }
  if (chosen && !chosen.hidden && !isSearch(chosen)) paintCandidates(ctx, chosen, placed.filter(Boolean));
  if (chosen?.looked) paintLooked(ctx, chosen);
}

function paintTag(ctx, each, object, placed) {
  const [x, y] = toScreen(...objectCorner(object));
  if (!isInSight(object.box_xyxy)) return null;
  const colour = colourOf(each);
  const letter = each === layer() ? live(each)?.chosen : "";
  const said = isDoubtful(each) ? "?" : letter && each.explain.candidates.length > 1 ? letter : "";
  const [left, bottom] = [Math.min(Math.max(4, x - 4), view.width - 50), Math.max(26, y - 6)];
  const taken = (at) => placed.some((other) => other && overlaps([left, at - 22, left + 50, at], other));
  const free = [bottom, bottom - 26, bottom + 26, bottom - 52].find((at) => at >= 26 && !taken(at)) ?? bottom;
  const box = draw.tag(ctx, left, free, [
    [String(each.number), colour, draw.isLight(colour) ? draw.SOLID : "#FFFFFF"],
    [said, draw.SOLID, "#FFFFFF"],
  ]);
  hits.push({ box, layer: each });
  return box;
}

const overlaps = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

function paintCandidates(ctx, each, placed) {
  const known = live(each);
  if (!known?.chosen || !each.objects.length) return;
  for (const candidate of each.explain.candidates.slice(0, 12)) {
    const { letter, box_xyxy: box } = candidate;
    const hovered = state.hover === letter;
    if (letter === known.chosen && !hovered && !isStaleChoice(each)) continue;
    const [x0, y0] = toScreen(box[0], box[1]);
    const [x1, y1] = toScreen(box[2], box[3]);
    draw.brackets(ctx, [x0, y0, x1, y1], hovered || letter === known.chosen);
    const corners = [[x1 + 2, y0 + 2], [x1 + 2, y1 + 12], [x0 - 2, y1 + 12], [x0 - 2, y0 + 2]];
    const free = corners.find(([x, y]) => !placed.some((other) => overlaps([x - 12, y - 12, x + 12, y + 12], other))) ?? corners[0];
    const where = draw.tag(ctx, ...free, [[letter, draw.SOLID, "#FFFFFF"]], { middle: true, size: 11 });
    placed.push(where);
    hits.push({ box: where, layer: each, letter });
  }
}

const isStaleChoice = (each) => each.fits?.chosen && each.fits.chosen !== live(each)?.chosen;

/** Ring the place that a layer's maps hold highest. */
function paintLooked(ctx, each) {
  const map = each.explain?.fused ?? each.explain?.overview;
  if (!map) return;
  const [x0, y0, x1, y1] = frameOf(each);
  const [row, col] = peak(map);
  const [x, y] = toScreen(x0 + ((col + 0.5) / map.cols) * (x1 - x0), y0 + ((row + 0.5) / map.rows) * (y1 - y0));
  draw.ring(ctx, x, y, Math.max(16, ((x1 - x0) / map.cols) * view.scale * 2));
}

function paintMap(ctx, each, stage, show, inPicture, onScreen) {
  const known = live(each);
  const frame = frameOf(each);
  const centre = (row, col, map) =>
    toScreen(frame[0] + ((col + 0.5) / map.cols) * (frame[2] - frame[0]), frame[1] + ((row + 0.5) / map.rows) * (frame[3] - frame[1]));
  if (stage === "overview" && each.explain?.answer_box) {
    const [x0, y0, x1, y1] = each.explain.answer_box;
    onScreen();
    draw.brackets(ctx, [...toScreen(x0, y0), ...toScreen(x1, y1)], false);
  }
  if (stage === "focus" && each.tied) {
    onScreen();
    const { fused } = each.explain;
    draw.ring(ctx, ...centre(each.tied.row, each.tied.col, fused), Math.max(9, ((frame[2] - frame[0]) / fused.cols) * view.scale * 0.7));
  }
  if (stage !== "evolve" || !known || show === "fused") return;
  inPicture();
  draw.line(ctx, draw.cellBorder(known.region, frame), view, { colour: "#FFFFFF", width: 1.8, dash: [2, 3], casing: 1 });
  if (show === "purified") {
    if (JSON.stringify(each.tune) !== JSON.stringify({ ...each.tune, ...each.explain.recipe }))
      draw.line(ctx, known.recipe, view, { colour: "#FFFFFFb0", width: 1.2 });
    draw.line(ctx, known.path, view, { colour: colourOf(each), width: 2.75, casing: 1.5 });
  }
  onScreen();
  const radius = Math.max(2.5, Math.min(5, ((frame[2] - frame[0]) / known.seeds.cols) * view.scale * 0.35));
  known.seeds.at.forEach((is, i) => {
    if (is) draw.disc(ctx, ...centre(Math.floor(i / known.seeds.cols), i % known.seeds.cols, known.seeds), radius);
  });
}

function paintPoints(ctx, each) {
  each.points.forEach(([x, y, add], i) => {
    const busy = each.busyPoint === i && performance.now() - each.busySince > 300;
    draw.point(ctx, ...toScreen(x, y), Boolean(add), busy ? "busy" : state.hoverPoint === i ? "hover" : "");
  });
}

/** Say what the canvas shows, for those who cannot see it. */
export function describe() {
  const parts = state.layers
    .filter((each) => !each.hidden && each.objects.length)
    .map((each) => {
      const [x0, y0, x1, y1] = each.objects[0].box_xyxy.map(Math.round);
      const more = each.objects.length > 1 ? `${each.objects.length} objects, the first: ` : "";
      return `${each.number}, ${each.sentence}: ${more}box ${x0}, ${y0} to ${x1}, ${y1}`;
    });
  const outlines = parts.length === 1 ? "1 outline" : `${parts.length} outlines`;
  return state.picture ? `Picture with ${outlines}${parts.length ? `; ${parts.join("; ")}` : ""}` : "Picture";
}

// What a search adds to the canvas: the veil and its tiles, numbers, coordinates on the edges, the scale bar, the inset.

import { drawChecker } from "./base.js";
import { $, thin } from "./dom.js";
import * as draw from "./draw.js";
import { area, toMap } from "./search.js";
import { state } from "./state.js";
import { inSight, isInSight, toPicture, toScreen, view } from "./view.js";
import { objectPath } from "./live.js";

const VEIL = 0.42;
let sheet = null;

function veil(ctx, tiles, onScreen) {
  onScreen();
  const { width, height } = ctx.canvas;
  if (!sheet || sheet.width !== width || sheet.height !== height) sheet = new OffscreenCanvas(width, height);
  const over = sheet.getContext("2d");
  const ratio = devicePixelRatio || 1;
  over.setTransform(1, 0, 0, 1, 0, 0);
  over.clearRect(0, 0, width, height);
  over.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  over.fillStyle = "#000";
  over.fillRect(0, 0, state.picture.hw[1], state.picture.hw[0]);
  for (const { window: [x0, y0, x1, y1], status } of tiles) if (status !== "now") over.clearRect(x0, y0, x1 - x0, y1 - y0);
  ctx.save();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.globalAlpha = VEIL;
  ctx.drawImage(sheet, 0, 0);
  ctx.restore();
}

function hatch(ctx, [x0, y0, x1, y1]) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x0, y0, x1 - x0, y1 - y0);
  ctx.clip();
  ctx.beginPath();
  const high = y1 - y0;
  for (let x = x0 - high; x < x1; x += 12) ctx.moveTo(x, y1), ctx.lineTo(x + high, y0);
  ctx.lineWidth = 5;
  ctx.strokeStyle = "#0B0C0Fd0";
  ctx.stroke();
  ctx.lineWidth = 1;
  ctx.strokeStyle = "#FFFFFF80";
  ctx.stroke();
  ctx.restore();
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = draw.SOLID;
  ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
}

export function drawSearch(ctx, each, stage, onScreen) {
  const { tiles } = each;
  if (!tiles.length && each.status !== "working") return;
  if (each.status !== "found" || each.left) veil(ctx, tiles, onScreen);
  onScreen();
  const onTiles = stage === "tiles";
  tiles.forEach(({ window, status }, i) => {
    if (!isInSight(window)) return;
    const [x0, y0] = toScreen(window[0], window[1]);
    const [x1, y1] = toScreen(window[2], window[3]);
    if (status === "failed") {
      hatch(ctx, [x0, y0, x1, y1]);
      draw.tag(ctx, (x0 + x1) / 2, (y0 + y1) / 2, [[`Tile ${i + 1} failed`, draw.SOLID, "#FFFFFF"]], { middle: true });
    } else if (status === "now") {
      for (const [width, colour] of [[4, draw.CASING], [2, "#FFFFFF"]]) {
        ctx.lineWidth = width;
        ctx.strokeStyle = colour;
        ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
      }
      const [x, y] = [Math.max(60, Math.min(view.width - 60, (x0 + x1) / 2)), Math.max(20, Math.min(view.height - 60, y1 - 18))];
      draw.tag(ctx, x, y, [[`tile ${i + 1}`, draw.SOLID, "#FFFFFF"]], { middle: true });
    } else if (onTiles) {
      ctx.lineWidth = 1;
      ctx.strokeStyle = "#FFFFFF38";
      ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  });
  if (stage === "closer")
    for (const { window_xyxy: window } of each.result?.zoom ?? []) draw.brackets(ctx, [...toScreen(window[0], window[1]), ...toScreen(window[2], window[3])], false);
  if (each.status === "working") {
    const at = [view.width * 0.62, view.height * 0.88];
    const [x, y] = toPicture(...at);
    const looked = tiles.some(({ window: [x0, y0, x1, y1] }) => x >= x0 && x < x1 && y >= y0 && y < y1);
    const [height, width] = state.picture.hw;
    if (!looked && x > 0 && y > 0 && x < width && y < height) draw.tag(ctx, ...at, [["not searched yet", draw.SOLID, "#FFFFFF"]], { middle: true });
  }
}

/** Number the objects of a search, each at the middle of its box. */
export function drawTags(ctx, each, objects, hits) {
  const colour = each.shownColour;
  for (const { object, index } of objects) {
    const box = object.box_xyxy;
    if (!isInSight(box)) continue;
    const chosen = index === each.object;
    const wide = (box[2] - box[0]) * view.scale;
    if (wide < 34 && !chosen) continue; // the number would hide the object
    const [x, y] = toScreen((box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
    const number = [String(index + 1), draw.SOLID, "#FFFFFF"];
    const parts = chosen ? [[number[0], colour, draw.SOLID], [area(object) || object.score.toFixed(2), draw.SOLID, "#FFFFFF"]] : [number];
    hits.push({ box: draw.tag(ctx, x, y, parts, { middle: true, size: chosen ? 12 : 11 }), layer: each, object: index });
  }
}

const NICE = [1, 2, 5];

function step(span, most) {
  for (let power = -6; power < 9; power++)
    for (const nice of NICE) if (span / (nice * 10 ** power) <= most) return nice * 10 ** power;
  return span;
}

/** Coordinates of the file's own system along the upper and the right edge, and a scale bar. */
export function drawEdges(ctx) {
  const { transform } = state.picture;
  const [a, b, , d, e] = transform;
  if (b === 0 && d === 0) {
    const [x0, y0] = toMap(...toPicture(0, 0));
    const [x1, y1] = toMap(...toPicture(view.width, view.height));
    const across = step(Math.abs(x1 - x0), Math.max(2, view.width / 120));
    const label = (value, by) => (by < 1 ? value.toFixed(Math.min(6, Math.ceil(-Math.log10(by)))) : thin(value));
    for (let x = Math.ceil(Math.min(x0, x1) / across) * across; x < Math.max(x0, x1); x += across) {
      const at = ((x - x0) / a) * view.scale;
      if (at > 60 && at < view.width - 60) draw.tag(ctx, at, 11, [[label(x, across), "#0B0C0Fd0", "#FFFFFF"]], { middle: true, size: 11 });
    }
    for (let y = Math.ceil(Math.min(y0, y1) / across) * across; y < Math.max(y0, y1); y += across) {
      const at = ((y - y0) / e) * view.scale;
      if (at < 60 || at > view.height - 150) continue;
      ctx.save();
      ctx.translate(view.width - 11, at);
      ctx.rotate(-Math.PI / 2);
      const moved = ctx.getTransform();
      draw.tag(ctx, 0, 0, [[label(y, across), "#0B0C0Fd0", "#FFFFFF"]], { middle: true, size: 11 });
      ctx.setTransform(moved);
      ctx.restore();
    }
  }
  scaleBar(ctx);
}

function scaleBar(ctx) {
  const given = state.picture.metres_per_pixel;
  const metres = Array.isArray(given) ? given[0] : given;
  if (!metres) return;
  const long = step((160 * metres) / view.scale, 1.6);
  const wide = (long / metres) * view.scale;
  const left = $("inset").hidden ? 70 : 200;
  const y = view.height - 20;
  ctx.fillStyle = "#0B0C0Fd0";
  ctx.beginPath();
  ctx.roundRect(left, y - 11, wide + 74, 22, 5);
  ctx.fill();
  ctx.beginPath();
  for (const [x, up] of [[left + 8, 4], [left + 8 + wide, 4]]) ctx.moveTo(x, y - up), ctx.lineTo(x, y + up);
  ctx.moveTo(left + 8, y), ctx.lineTo(left + 8 + wide, y);
  ctx.lineWidth = 1.6;
  ctx.strokeStyle = "#FFFFFF";
  ctx.stroke();
  ctx.fillStyle = "#FFFFFF";
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.font = '500 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  ctx.fillText(long >= 1000 ? `${long / 1000} km` : `${long} m`, left + wide + 18, y + 0.5);
}

/** The whole picture, small, with the view's frame; it is the way about in a large one. */
export function drawInset(each) {
  const inset = $("inset");
  const { picture } = state;
  inset.hidden = !picture?.large || !view.free;
  if (inset.hidden || !picture.preview) return;
  const ratio = devicePixelRatio || 1;
  const [height, width] = picture.hw;
  const scale = Math.min(170 / width, 130 / height);
  const [w, h] = [Math.round(width * scale * ratio), Math.round(height * scale * ratio)];
  if (inset.width !== w || inset.height !== h) Object.assign(inset, { width: w, height: h });
  inset.style.width = `${w / ratio}px`;
  const ctx = inset.getContext("2d");
  ctx.setTransform(scale * ratio, 0, 0, scale * ratio, 0, 0);
  drawChecker(ctx, scale * ratio);
  ctx.drawImage(picture.preview, 0, 0, width, height);
  for (const object of each?.objects ?? []) draw.line(ctx, objectPath(object), { scale }, { colour: "#FFFFFF", width: 1, casing: 0.5 });
  const [x0, y0, x1, y1] = inSight();
  const frame = new Path2D();
  frame.rect(x0, y0, x1 - x0, y1 - y0);
  draw.line(ctx, frame, { scale }, { colour: "#FFDD33", width: 2, casing: 1 });
}

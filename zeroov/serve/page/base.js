// The picture's own pixels: one preview for small pictures, tiles of its pyramid for large ones.

import { bitmap } from "./api.js";
import { changed, state } from "./state.js";
import { inSight, view } from "./view.js";

const KEPT = 300; // tiles in memory
const ASKED = 6; // at a time
const tiles = new Map(); // "z/x/y": ImageBitmap, or null while it comes or where there is none
const queue = [];
let running = 0;

/** Load what is shown first of a picture: all of it, reduced where it is large. */
export async function loadPreview(picture) {
  return bitmap(`/v1/pictures/${picture.id}/preview?max=1600`);
}

export function forgetTiles() {
  for (const tile of tiles.values()) tile?.close();
  tiles.clear();
  queue.length = 0;
}

function pump() {
  while (running < ASKED && queue.length) {
    const { name, path, id } = queue.pop(); // the newest first: that is what is in sight now
    if (state.picture?.id !== id || tiles.get(name) !== null) continue;
    running++;
    bitmap(path)
      .then((tile) => state.picture?.id === id && tiles.set(name, tile))
      .catch(() => {}) // a tile that does not come leaves the coarser one in its place
      .finally(() => {
        running--;
        changed();
        pump();
      });
  }
}

function tile(z, x, y) {
  const name = `${z}/${x}/${y}`;
  const known = tiles.get(name);
  if (known !== undefined) {
    if (known) tiles.delete(name), tiles.set(name, known); // the newest last
    return known;
  }
  tiles.set(name, null);
  queue.push({ name, id: state.picture.id, path: `/v1/pictures/${state.picture.id}/tiles/${name}.png` });
  pump();
  for (const [old, image] of tiles) {
    if (tiles.size <= KEPT) break;
    if (image) image.close(), tiles.delete(old);
    else break;
  }
  return null;
}

const SQUARE = 8; // pixels of the screen
const GREYS = ["#BDBDBD", "#A3A3A3"];
let squares = null;

/** Fill the picture's place with squares, which are seen where it has no data; `scale` is the context's. */
export function drawChecker(ctx, scale) {
  const { nodata, hw } = state.picture;
  if (!nodata) return;
  if (!squares) {
    squares = new OffscreenCanvas(2 * SQUARE, 2 * SQUARE);
    const over = squares.getContext("2d");
    for (const at of [0, 1, 2, 3]) (over.fillStyle = GREYS[at % 2 ^ (at >> 1)]), over.fillRect((at % 2) * SQUARE, (at >> 1) * SQUARE, SQUARE, SQUARE);
  }
  ctx.fillStyle = ctx.createPattern(squares, "repeat");
  ctx.fillStyle.setTransform(new DOMMatrix().scale(1 / scale));
  ctx.fillRect(0, 0, hw[1], hw[0]);
}

/** Draw the picture; the context is in its pixels. */
export function drawBase(ctx) {
  const { picture } = state;
  const [height, width] = picture.hw;
  drawChecker(ctx, view.scale);
  ctx.imageSmoothingEnabled = view.scale < 8;
  ctx.imageSmoothingQuality = "high";
  if (picture.preview) ctx.drawImage(picture.preview, 0, 0, width, height);
  const enough = picture.preview && picture.preview.width >= Math.min(width, width * view.scale * devicePixelRatio * 0.9);
  if (!picture.tiles || enough) return;
  const { size, levels } = picture.tiles;
  const wanted = levels - 1 + Math.ceil(Math.log2(Math.min(1, view.scale * devicePixelRatio)));
  const z = Math.max(0, Math.min(levels - 1, wanted));
  const step = size * 2 ** (levels - 1 - z);
  const [x0, y0, x1, y1] = inSight();
  for (let y = Math.floor(y0 / step); y * step < y1; y++) {
    for (let x = Math.floor(x0 / step); x * step < x1; x++) {
      const image = tile(z, x, y);
      if (image) ctx.drawImage(image, x * step, y * step, (image.width * step) / size, (image.height * step) / size);
    }
  }
}

/** Make what was drawn so far grey; the context is in the picture's pixels. */
export function grey(ctx) {
  const [height, width] = state.picture.hw;
  ctx.save();
  ctx.globalCompositeOperation = "saturation";
  ctx.fillStyle = "#808080";
  ctx.fillRect(0, 0, width, height);
  ctx.restore();
}

/** Fill a small canvas with a part of the picture, as it is in the preview. */
export function drawPart(canvas, [x0, y0, x1, y1], cover = true) {
  const { preview, hw } = state.picture;
  const ratio = Math.min(2, devicePixelRatio || 1);
  const side = Math.round((Number(canvas.dataset.side) || 44) * ratio);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, side, side);
  if (!preview) return ctx;
  const longer = cover ? Math.min(x1 - x0, y1 - y0) : Math.max(x1 - x0, y1 - y0);
  const scale = side / longer;
  ctx.setTransform(scale, 0, 0, scale, side / 2 - ((x0 + x1) / 2) * scale, side / 2 - ((y0 + y1) / 2) * scale);
  ctx.imageSmoothingQuality = "high";
  drawChecker(ctx, scale);
  ctx.drawImage(preview, 0, 0, hw[1], hw[0]);
  return Object.assign(ctx, { scale });
}

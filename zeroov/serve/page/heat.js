// Maps as colours: magma, low values transparent.

import { makeMap, resize } from "./evolve.js";

// Magma at 17 even steps; between them it is straight enough.
const MAGMA = [
  "000004", "0b0924", "20114b", "3b0f70", "57157e", "721f81", "8c2981", "a8327d", "c43c75",
  "de4968", "f1605d", "fa7f5e", "fe9f6d", "febf84", "fddea0", "fcedaf", "fcfdbf",
].map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));

const TABLE = new Uint8ClampedArray(256 * 4);
for (let i = 0; i < 256; i++) {
  const place = (i / 255) * (MAGMA.length - 1);
  const at = Math.min(MAGMA.length - 2, Math.floor(place));
  for (let c = 0; c < 3; c++) TABLE[i * 4 + c] = MAGMA[at][c] + (MAGMA[at + 1][c] - MAGMA[at][c]) * (place - at);
  TABLE[i * 4 + 3] = 255 * Math.min(1, Math.max(0, (i / 255 - 0.06) / 0.34));
}

const images = new WeakMap();

/** Return a map as a canvas, made once. */
export function heatImage(map) {
  let made = images.get(map);
  if (!made) {
    const enlarge = Math.max(1, Math.min(8, Math.floor(512 / Math.max(map.rows, map.cols))));
    const fine = resize(map, map.rows * enlarge, map.cols * enlarge);
    made = new OffscreenCanvas(fine.cols, fine.rows);
    const pixels = new ImageData(fine.cols, fine.rows);
    for (let i = 0; i < fine.at.length; i++) {
      const from = Math.round(Math.min(1, Math.max(0, fine.at[i])) * 255) * 4;
      for (let c = 0; c < 4; c++) pixels.data[i * 4 + c] = TABLE[from + c];
    }
    made.getContext("2d").putImageData(pixels, 0, 0);
    images.set(map, made);
  }
  return made;
}

const scaled = new WeakMap();

/**
 * A map scaled to 1, as it is shown; made once. Its highest value is 1, or the one that `spare` cells lie above: a cell
 * is tied to itself so much that beside it nothing else would be seen.
 */
export function toOne(map, spare = 0) {
  let made = scaled.get(map);
  if (!made) {
    const high = Float32Array.from(map.at).sort().at(-1 - Math.min(spare, map.at.length - 1));
    made = makeMap(map.rows, map.cols, high > 0 ? map.at.map((value) => Math.min(1, value / high)) : map.at);
    scaled.set(map, made);
  }
  return made;
}

/** The cell of the highest value: [row, col]. */
export function peak(map) {
  let best = 0;
  for (let i = 1; i < map.at.length; i++) if (map.at[i] > map.at[best]) best = i;
  return [Math.floor(best / map.cols), best % map.cols];
}

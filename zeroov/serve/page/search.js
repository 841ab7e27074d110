// Layers that hold many objects: searches of large pictures, and "every" in small ones.

import { state } from "./state.js";

export const isSearch = (each) => Boolean(each && (each.every || each.searching || each.result?.searched));

/** Intersection over union of two boxes. */
export function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (wide <= 0 || high <= 0) return 0;
  const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  return (wide * high) / (area(a) + area(b) - wide * high);
}

/**
 * The least score that is shown. Until somebody moves it: all of an answer, and of a running search what the server
 * does not doubt, for a tile's first sight is often nothing.
 */
export const leastOf = (each) => each.least ?? (each.result ? 0 : state.info.doubt);

/** What of a layer is drawn and listed: [{object, index, low}], `low` below the line of the layer's slider. */
export function shownObjects(each) {
  const objects = each.objects.length || each.result ? each.objects : each.found;
  if (!isSearch(each)) return objects.slice(0, 1).map((object, index) => ({ object, index, low: false }));
  const line = each.result?.doubt_line ?? state.info.doubt;
  return objects
    .map((object, index) => ({ object, index, low: object.score < line || Boolean(object.doubtful) }))
    .filter(({ object }) => object.score >= leastOf(each));
}

/** Metres or degrees to a pixel, where the picture lies on a map. */
function metresPerPixel() {
  return state.picture?.metres_per_pixel ?? null;
}

export function area(object) {
  const metres = metresPerPixel();
  if (!object.mask_pixels) return "";
  if (!metres) return `${object.mask_pixels.toLocaleString("en").replaceAll(",", "\u202f")} px`;
  const square = object.mask_pixels * (Array.isArray(metres) ? metres[0] * metres[1] : metres ** 2);
  return square >= 5000 ? `${(square / 1e4).toFixed(1)} ha` : `${Math.round(square)} m²`;
}

/** Pixels to the file's own map coordinates. */
export function toMap(x, y) {
  const [a, b, c, d, e, f] = state.picture.transform;
  return [a * x + b * y + c, d * x + e * y + f];
}

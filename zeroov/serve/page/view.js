// Where the picture lies on the canvas: scale, offset, and what moves them. In CSS pixels.

import { state } from "./state.js";

const FIT = 8; // pixels of margin round a picture that fits
const MOST = 32;

export const view = { scale: 1, x: 0, y: 0, width: 0, height: 0, free: false };

export const toScreen = (x, y) => [x * view.scale + view.x, y * view.scale + view.y];
export const toPicture = (x, y) => [(x - view.x) / view.scale, (y - view.y) / view.scale];

/** Fit the picture; until somebody moves it, it also stays fit when the window changes. */
export function fit() {
  const { hw, large } = state.picture;
  const margin = large || view.width < 600 ? 0 : FIT;
  const across = (view.width - 2 * margin) / hw[1];
  const down = (view.height - 2 * margin) / hw[0];
  view.scale = large ? Math.max(across, down) : Math.min(across, down);
  view.x = (view.width - hw[1] * view.scale) / 2;
  view.y = (view.height - hw[0] * view.scale) / 2;
  view.free = false;
}

/** Keep some of the picture in sight. */
function hold() {
  const { hw } = state.picture;
  const keep = 80;
  view.x = Math.min(view.width - keep, Math.max(keep - hw[1] * view.scale, view.x));
  view.y = Math.min(view.height - keep, Math.max(keep - hw[0] * view.scale, view.y));
}

export function zoomAt(factor, x = view.width / 2, y = view.height / 2) {
  const { hw } = state.picture;
  const least = Math.min(view.width / hw[1], view.height / hw[0], 1) / 2;
  const scale = Math.min(MOST, Math.max(least, view.scale * factor));
  const [px, py] = toPicture(x, y);
  Object.assign(view, { scale, x: x - px * scale, y: y - py * scale, free: true });
  hold();
}

export function pan(dx, dy) {
  Object.assign(view, { x: view.x + dx, y: view.y + dy, free: true });
  hold();
}

/** Bring a box into the middle, as a share of the canvas at most. */
export function show([x0, y0, x1, y1], share = 0.5) {
  view.scale = Math.min((view.width * share) / (x1 - x0), (view.height * share) / (y1 - y0), 8);
  view.x = view.width / 2 - ((x0 + x1) / 2) * view.scale;
  view.y = view.height / 2 - ((y0 + y1) / 2) * view.scale;
  view.free = true;
}

export const isInSight = ([x0, y0, x1, y1]) => {
  const [left, top] = toScreen(x0, y0);
  const [right, bottom] = toScreen(x1, y1);
  return right > 0 && bottom > 0 && left < view.width && top < view.height;
};

/** The part of the picture in sight, xyxy in its pixels. */
export function inSight() {
  const { hw } = state.picture;
  const [x0, y0] = toPicture(0, 0);
  const [x1, y1] = toPicture(view.width, view.height);
  return [Math.max(0, x0), Math.max(0, y0), Math.min(hw[1], x1), Math.min(hw[0], y1)];
}

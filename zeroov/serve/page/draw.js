// What lies on the picture: outlines outside the object, tags, brackets, points. Widths are in screen pixels.

export const CASING = "#0B0C0Fb8";
export const SOLID = "#0B0C0F";
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** Clip to what is not inside a path; the path is in picture pixels. */
function outside(ctx, path, view, hw) {
  const clip = new Path2D();
  const room = 1e4 / view.scale;
  clip.rect(-room, -room, hw[1] + 2 * room, hw[0] + 2 * room);
  clip.addPath(path);
  ctx.clip(clip, "evenodd");
}

/**
 * Draw an outline outside its object: casing, colour, casing.
 * `style` is {colour, width, dashed, double, edge}; `ctx` is already in picture pixels.
 */
export function outline(ctx, path, view, hw, style) {
  const one = 1 / view.scale;
  ctx.save();
  outside(ctx, path, view, hw);
  ctx.lineJoin = "round";
  const stroke = (width, colour, dash = []) => {
    ctx.lineWidth = 2 * width * one;
    ctx.strokeStyle = colour;
    ctx.setLineDash(dash.map((part) => part * one));
    ctx.stroke(path);
  };
  const width = style.width ?? 2;
  if (style.edge) stroke(width + 3.4, "#FFFFFF");
  stroke(width + 2.2, CASING);
  stroke(width + 1, style.colour, style.dashed ? [7, 5] : []);
  if (style.double) stroke(1 + width / 2 + 0.6, SOLID), stroke(1 + width / 2 - 0.6, style.colour);
  stroke(1, CASING);
  ctx.restore();
}

export function line(ctx, path, view, { colour, width = 1, dash = [], casing = 0 }) {
  const one = 1 / view.scale;
  ctx.save();
  ctx.lineJoin = "round";
  ctx.setLineDash(dash.map((part) => part * one));
  if (casing) {
    ctx.lineWidth = (width + 2 * casing) * one;
    ctx.strokeStyle = CASING;
    ctx.setLineDash([]);
    ctx.stroke(path);
    ctx.setLineDash(dash.map((part) => part * one));
  }
  ctx.lineWidth = width * one;
  ctx.strokeStyle = colour;
  ctx.stroke(path);
  ctx.restore();
}

/** Darken what is not inside any of the paths. */
export function dim(ctx, paths, hw, share) {
  const all = new Path2D();
  all.rect(0, 0, hw[1], hw[0]);
  for (const path of paths) all.addPath(path);
  ctx.fillStyle = `rgb(0 0 0 / ${share})`;
  ctx.fill(all, "evenodd");
}

/** Corner brackets round a box, on the screen. */
export function brackets(ctx, [x0, y0, x1, y1], bold) {
  const long = Math.min(bold ? 18 : 10, (x1 - x0) / 3, (y1 - y0) / 3);
  ctx.beginPath();
  for (const [x, y, dx, dy] of [[x0, y0, 1, 1], [x1, y0, -1, 1], [x1, y1, -1, -1], [x0, y1, 1, -1]]) {
    ctx.moveTo(x + dx * long, y);
    ctx.lineTo(x, y);
    ctx.lineTo(x, y + dy * long);
  }
  ctx.setLineDash([]);
  for (const [width, colour] of [[bold ? 5 : 3.5, CASING], [bold ? 3 : 1.8, "#FFFFFF"]]) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke();
  }
}

/**
 * Draw a tag with its lower left corner at (x, y), or its middle there; parts are [text, background, colour].
 * Returns its box on the screen.
 */
export function tag(ctx, x, y, parts, { middle = false, size = 12, pad = 7, edge = "" } = {}) {
  ctx.font = `600 ${size}px ${FONT}`;
  const high = size + 10;
  const widths = parts.map(([text]) => (text ? Math.max(high - 4, ctx.measureText(text).width + 2 * pad) : 5));
  const wide = widths.reduce((sum, each) => sum + each, 0);
  const left = middle ? x - wide / 2 : x;
  const top = middle ? y - high / 2 : y - high;
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(left - 1, top - 1, wide + 2, high + 2, 6);
  ctx.fillStyle = SOLID;
  ctx.fill();
  if (edge) {
    ctx.lineWidth = 2;
    ctx.strokeStyle = edge;
    ctx.stroke();
  }
  ctx.beginPath();
  ctx.roundRect(left, top, wide, high, 5);
  ctx.clip();
  let at = left;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  parts.forEach(([text, background, colour], i) => {
    ctx.fillStyle = background;
    ctx.fillRect(at, top, widths[i], high);
    ctx.fillStyle = colour;
    ctx.fillText(text, at + widths[i] / 2, top + high / 2 + 0.5);
    at += widths[i];
  });
  ctx.restore();
  return [left, top, left + wide, top + high];
}

export const isLight = (colour) => {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 110;
};

/** A click that a person set, on the screen: add is a white disc, remove a black one. */
export function point(ctx, x, y, add, state = "") {
  ctx.beginPath();
  ctx.arc(x, y, 10, 0, 7);
  ctx.fillStyle = add ? "#FFFFFF" : SOLID;
  ctx.fill();
  ctx.lineWidth = 1.8;
  ctx.strokeStyle = add ? SOLID : "#FFFFFF";
  ctx.stroke();
  if (state === "busy") {
    ctx.beginPath();
    ctx.arc(x, y, 14, (performance.now() / 150) % 7, ((performance.now() / 150) % 7) + 4.2);
    ctx.lineWidth = 2.5;
    ctx.strokeStyle = "#FFFFFF";
    ctx.stroke();
  }
  ctx.beginPath();
  if (state === "hover") {
    ctx.moveTo(x - 4, y - 4), ctx.lineTo(x + 4, y + 4), ctx.moveTo(x + 4, y - 4), ctx.lineTo(x - 4, y + 4);
  } else {
    ctx.moveTo(x - 4.5, y), ctx.lineTo(x + 4.5, y);
    if (add) ctx.moveTo(x, y - 4.5), ctx.lineTo(x, y + 4.5);
  }
  ctx.lineWidth = 2.4;
  ctx.lineCap = "round";
  ctx.stroke();
  ctx.lineCap = "butt";
}

export function disc(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 7);
  ctx.fillStyle = "#FFFFFF";
  ctx.fill();
  ctx.lineWidth = 2;
  ctx.strokeStyle = SOLID;
  ctx.stroke();
}

export function ring(ctx, x, y, radius) {
  for (const [width, colour] of [[5, CASING], [2.5, "#FFFFFF"]]) {
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 7);
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke();
  }
}

/** The border of a region of cells as dots: a path in picture pixels along the cells' edges. */
export function cellBorder(region, [x0, y0, x1, y1]) {
  const path = new Path2D();
  const { rows, cols, at } = region;
  const [dx, dy] = [(x1 - x0) / cols, (y1 - y0) / rows];
  const is = (r, c) => r >= 0 && c >= 0 && r < rows && c < cols && at[r * cols + c] > 0;
  for (let r = 0; r <= rows; r++) {
    for (let c = 0; c <= cols; c++) {
      const [x, y] = [x0 + c * dx, y0 + r * dy];
      if (is(r, c) !== is(r - 1, c)) path.moveTo(x, y), path.lineTo(x + dx, y);
      if (is(r, c) !== is(r, c - 1)) path.moveTo(x, y), path.lineTo(x, y + dy);
    }
  }
  return path;
}

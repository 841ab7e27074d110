// From a mask, a map or polygons to smooth closed paths: marching squares, then rounded corners. Pure.

/**
 * The rings along which a grid of values crosses `level`; corners lie at the samples' centres, outside counts as below.
 * Rings are arrays of [x, y] in units of samples, (0, 0) the corner of the first sample.
 */
export function contour(map, level) {
  const { rows, cols, at } = map;
  const value = (r, c) => (r < 0 || c < 0 || r >= rows || c >= cols ? Math.min(0, level) - 1e-3 : at[r * cols + c]);
  const next = new Map(); // from an edge of the lattice to the next one, walking with the inside on the left
  const between = (a, b) => (b === a ? 0.5 : Math.min(1, Math.max(0, (level - a) / (b - a))));
  const wide = cols + 2;
  // An edge is named by its upper or left lattice point, and by whether it runs across or down.
  const name = (r, c, down) => ((r + 1) * wide + (c + 1)) * 2 + down;
  const points = new Map();
  for (let r = -1; r < rows; r++) {
    for (let c = -1; c < cols; c++) {
      const [a, b, d, e] = [value(r, c), value(r, c + 1), value(r + 1, c), value(r + 1, c + 1)];
      const bits = (a > level ? 8 : 0) | (b > level ? 4 : 0) | (e > level ? 2 : 0) | (d > level ? 1 : 0);
      if (bits === 0 || bits === 15) continue;
      const top = name(r, c, 0);
      const bottom = name(r + 1, c, 0);
      const left = name(r, c, 1);
      const right = name(r, c + 1, 1);
      const set = (key, x, y) => points.has(key) || points.set(key, [x + 0.5, y + 0.5]);
      if ((bits & 8) >> 3 !== (bits & 4) >> 2) set(top, c + between(a, b), r);
      if ((bits & 1) !== (bits & 2) >> 1) set(bottom, c + between(d, e), r + 1);
      if ((bits & 8) >> 3 !== (bits & 1)) set(left, c, r + between(a, d));
      if ((bits & 4) >> 2 !== (bits & 2) >> 1) set(right, c + 1, r + between(b, e));
      for (const [from, to] of SEGMENTS[bits]) next.set([top, right, bottom, left][from], [top, right, bottom, left][to]);
    }
  }
  const rings = [];
  for (const start of [...next.keys()]) {
    if (!next.has(start)) continue;
    const ring = [];
    for (let key = start; next.has(key); ) {
      ring.push(points.get(key));
      const to = next.get(key);
      next.delete(key);
      key = to;
    }
    if (ring.length > 2) rings.push(ring);
  }
  return rings;
}

// Which side leads to which, per case of four corners (8 upper left, 4 upper right, 2 lower right, 1 lower left);
// 0 top, 1 right, 2 bottom, 3 left. In the two ambiguous cases the inside stays apart.
const SEGMENTS = {
  1: [[2, 3]],
  2: [[1, 2]],
  3: [[1, 3]],
  4: [[0, 1]],
  5: [[0, 1], [2, 3]],
  6: [[0, 2]],
  7: [[0, 3]],
  8: [[3, 0]],
  9: [[2, 0]],
  10: [[3, 0], [1, 2]],
  11: [[1, 0]],
  12: [[3, 1]],
  13: [[2, 1]],
  14: [[3, 2]],
};

/**
 * Even out the steps of a ring of pixels: each point becomes the mean of itself and its neighbours, again and again.
 * A short ring, of few pixels, is evened out less: it would shrink.
 */
export function smooth(ring, times = Math.min(10, Math.floor(ring.length / 12))) {
  let points = ring;
  for (let t = 0; t < times; t++) {
    const count = points.length;
    points = points.map(([x, y], i) => {
      const [ax, ay] = points[(i + count - 1) % count];
      const [bx, by] = points[(i + 1) % count];
      return [(ax + 2 * x + bx) / 4, (ay + 2 * y + by) / 4];
    });
  }
  return points;
}

/** Move a ring out by some pixels, so that no pixel of its object lies under the line; a hole's ring moves in. */
export function spread(ring, by = 0.5) {
  const count = ring.length;
  return ring.map(([x, y], i) => {
    const [ax, ay] = ring[(i + count - 1) % count];
    const [bx, by_] = ring[(i + 1) % count];
    const long = Math.hypot(bx - ax, by_ - ay) || 1;
    return [x - ((by_ - ay) / long) * by, y + ((bx - ax) / long) * by];
  });
}

/** A Path2D through the middles of a ring's edges, its points as the curves' handles. */
export function pathOf(rings, scaleX = 1, scaleY = scaleX, left = 0, top = 0) {
  const path = new Path2D();
  for (const ring of rings) {
    const at = ring.map(([x, y]) => [x * scaleX + left, y * scaleY + top]);
    const count = at.length;
    if (count < 5) {
      // A box stays a box.
      at.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
      path.closePath();
      continue;
    }
    const middle = (i) => {
      const [a, b] = [at[i % count], at[(i + 1) % count]];
      return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    };
    path.moveTo(...middle(count - 1));
    for (let i = 0; i < count; i++) path.quadraticCurveTo(...at[i], ...middle(i));
    path.closePath();
  }
  return path;
}

/** COCO's run lengths, compressed or not, as the lengths of runs down the columns. */
export function runs(counts) {
  if (typeof counts !== "string") return counts;
  const out = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      const code = counts.charCodeAt(at++) - 48;
      value += (code & 31) * 2 ** shift;
      more = (code & 32) !== 0;
      if (!more && code & 16) value -= 2 ** (shift + 5);
    }
    out.push(out.length > 2 ? value + out[out.length - 2] : value);
  }
  return out;
}

/** The part of a COCO mask inside a box, with one pixel around it: {map, left, top}. */
export function cropMask(mask, box) {
  const [height, width] = mask.size;
  const left = Math.max(0, Math.floor(box[0]) - 1);
  const top = Math.max(0, Math.floor(box[1]) - 1);
  const right = Math.min(width, Math.ceil(box[2]) + 1);
  const bottom = Math.min(height, Math.ceil(box[3]) + 1);
  const map = { rows: bottom - top, cols: right - left, at: new Uint8Array((bottom - top) * (right - left)) };
  let place = 0;
  let inside = false;
  for (const run of runs(mask.counts)) {
    if (inside) {
      for (let p = place; p < place + run; p++) {
        const x = Math.floor(p / height);
        if (x >= right) break;
        const y = p % height;
        if (x >= left && y >= top && y < bottom) map.at[(y - top) * map.cols + (x - left)] = 1;
      }
    }
    place += run;
    inside = !inside;
  }
  return { map, left, top };
}

/** The rings of an object as the server sends it: from its mask, else its polygons, else its box. In image pixels. */
export function ringsOf(object) {
  if (object.mask?.size) {
    const { map, left, top } = cropMask(object.mask, object.box_xyxy);
    return contour(map, 0.5).map((ring) => spread(smooth(ring)).map(([x, y]) => [x + left, y + top]));
  }
  const shape = object.polygons;
  if (shape) {
    const parts = shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates;
    return parts.flat().map((ring) => smooth(midpoints(ring)));
  }
  const [x0, y0, x1, y1] = object.box_xyxy;
  return [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]];
}

function midpoints(ring) {
  const open = ring.slice(0, -1);
  return open.map(([x, y], i) => {
    const [nx, ny] = open[(i + 1) % open.length];
    return [(x + nx) / 2, (y + ny) / 2];
  });
}

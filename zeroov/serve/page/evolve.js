// Evolve's arithmetic, as zeroov/evolve and frames.resize_map do it: pure, no page and no server.
// A map is {rows, cols, at}: `at` is a Float32Array, or a Uint8Array for yes and no, row after row.

const round = Math.fround; // the pipeline compares and interpolates in float32

export function makeMap(rows, cols, at = new Float32Array(rows * cols)) {
  return { rows, cols, at };
}

/** For each of `to` samples: the cell before it, the cell after it, and how far it is from the first to the second. */
function taps(from, to) {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float32Array(to);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    const place = round((i + 0.5) * scale - 0.5);
    let cell = Math.floor(place);
    let part = place - cell;
    if (cell < 0) [cell, part] = [0, 0];
    if (cell >= from - 1) [cell, part] = [from - 1, 0];
    first[i] = cell;
    second[i] = Math.min(cell + 1, from - 1);
    share[i] = part;
  }
  return { first, second, share };
}

/** Resize a map bilinearly with half-pixel centres, as cv2.INTER_LINEAR does. */
export function resize(map, rows, cols) {
  if (rows === map.rows && cols === map.cols) return makeMap(rows, cols, Float32Array.from(map.at));
  const across = taps(map.cols, cols);
  const down = taps(map.rows, rows);
  const wide = new Float32Array(map.rows * cols);
  for (let r = 0; r < map.rows; r++) {
    const from = r * map.cols;
    for (let c = 0; c < cols; c++) {
      const part = across.share[c];
      wide[r * cols + c] =
        round(map.at[from + across.first[c]] * round(1 - part)) + round(map.at[from + across.second[c]] * part);
    }
  }
  const out = makeMap(rows, cols);
  for (let r = 0; r < rows; r++) {
    const part = down.share[r];
    const rest = round(1 - part);
    const upper = down.first[r] * cols;
    const lower = down.second[r] * cols;
    for (let c = 0; c < cols; c++) out.at[r * cols + c] = round(wide[upper + c] * rest) + round(wide[lower + c] * part);
  }
  return out;
}

/** The cells whose value is among the `k` largest different values of W. */
export function seeds(cross, k) {
  const different = Float32Array.from(new Set(cross.at)).sort();
  const least = different[different.length - Math.min(k, different.length)];
  return makeMap(cross.rows, cross.cols, Uint8Array.from(cross.at, (value) => (value >= least ? 1 : 0)));
}

/** The seeds, and every cell above tau that such cells join to a seed, 8-connected. */
export function grow(fused, cross, k, tau) {
  const { rows, cols } = fused;
  const start = seeds(cross, k);
  const least = round(tau);
  const region = makeMap(rows, cols, new Uint8Array(rows * cols));
  const waiting = [];
  for (let i = 0; i < start.at.length; i++) {
    if (start.at[i]) {
      region.at[i] = 1;
      waiting.push(i);
    }
  }
  while (waiting.length) {
    const cell = waiting.pop();
    const row = Math.floor(cell / cols);
    const col = cell % cols;
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, col - 1); c <= Math.min(cols - 1, col + 1); c++) {
        const next = r * cols + c;
        if (!region.at[next] && fused.at[next] > least) {
          region.at[next] = 1;
          waiting.push(next);
        }
      }
    }
  }
  return region;
}

/** The fused map inside the region, 0 outside. */
export function evolved(fused, region) {
  return makeMap(fused.rows, fused.cols, fused.at.map((value, i) => (region.at[i] ? value : 0)));
}

/** The mask (height, width): above `alpha`; with a `canvas`, cut on a square of that side first, as the official code. */
export function binarise(fused, region, hw, alpha, canvas = 0) {
  const inside = evolved(fused, region);
  const least = round(alpha);
  const [height, width] = hw;
  const cut = canvas ? resize(inside, canvas, canvas) : resize(inside, height, width);
  const yes = makeMap(cut.rows, cut.cols, Uint8Array.from(cut.at, (value) => (value > least ? 1 : 0)));
  if (!canvas) return yes;
  const nearest = (length, to) =>
    Int32Array.from({ length: to }, (_, i) => Math.min(Math.trunc(((i + 0.5) * length) / to), length - 1));
  const rows = nearest(canvas, height);
  const cols = nearest(canvas, width);
  const out = makeMap(height, width, new Uint8Array(height * width));
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) out.at[r * width + c] = yes.at[rows[r] * canvas + cols[c]];
  return out;
}

/** The tight half-open box of a mask, or null. */
export function maskBox(mask) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  for (let r = 0; r < mask.rows; r++) {
    for (let c = 0; c < mask.cols; c++) {
      if (!mask.at[r * mask.cols + c]) continue;
      if (c < x0) x0 = c;
      if (c > x1) x1 = c;
      if (r < y0) y0 = r;
      y1 = r;
    }
  }
  return x1 < 0 ? null : [x0, y0, x1 + 1, y1 + 1];
}

/** The part of a mask, 8-connected, that shares most pixels with a box; the mask itself where none does. */
export function blobNear(mask, [x0, y0, x1, y1]) {
  const { rows, cols, at } = mask;
  const part = new Int32Array(at.length);
  const shared = [0];
  for (let start = 0; start < at.length; start++) {
    if (!at[start] || part[start]) continue;
    const name = shared.push(0) - 1;
    const waiting = [start];
    part[start] = name;
    while (waiting.length) {
      const cell = waiting.pop();
      const [row, col] = [Math.floor(cell / cols), cell % cols];
      if (col + 0.5 >= x0 && col + 0.5 < x1 && row + 0.5 >= y0 && row + 0.5 < y1) shared[name]++;
      for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
        for (let c = Math.max(0, col - 1); c <= Math.min(cols - 1, col + 1); c++) {
          const next = r * cols + c;
          if (at[next] && !part[next]) part[next] = name, waiting.push(next);
        }
      }
    }
  }
  const best = shared.indexOf(Math.max(...shared));
  return shared[best] ? makeMap(rows, cols, Uint8Array.from(part, (name) => (name === best ? 1 : 0))) : mask;
}

/** One value of a resized map, at (x, y) in pixels of an image of `hw`. */
export function sample(map, hw, x, y) {
  const at = (place, length) => Math.min(Math.max(place, 0), length - 1);
  const col = at((x / hw[1]) * map.cols - 0.5, map.cols);
  const row = at((y / hw[0]) * map.rows - 0.5, map.rows);
  const [c, r] = [Math.floor(col), Math.floor(row)];
  const [c1, r1] = [Math.min(c + 1, map.cols - 1), Math.min(r + 1, map.rows - 1)];
  const [dc, dr] = [col - c, row - r];
  const value = (i, j) => map.at[i * map.cols + j];
  return (value(r, c) * (1 - dc) + value(r, c1) * dc) * (1 - dr) + (value(r1, c) * (1 - dc) + value(r1, c1) * dc) * dr;
}

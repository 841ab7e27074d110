// Which free colour differs most from the pixels round an object: CIE76 in Lab.

function lab(r, g, b) {
  const [x, y, z] = [r, g, b].map((value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const f = (value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);
  const [fx, fy, fz] = [
    f((0.4124 * x + 0.3576 * y + 0.1805 * z) / 0.9505),
    f(0.2126 * x + 0.7152 * y + 0.0722 * z),
    f((0.0193 * x + 0.1192 * y + 0.9505 * z) / 1.089),
  ];
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

const ofHex = (hex) => lab(...[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

/** Return the colour of `free` that differs most; `drawPart` fills a small canvas with a window of the picture. */
export function farthestFree(free, [x0, y0, x1, y1], drawPart) {
  const canvas = document.createElement("canvas");
  canvas.dataset.side = "24";
  const room = Math.max(x1 - x0, y1 - y0) * 0.2;
  const ctx = drawPart(canvas, [x0 - room, y0 - room, x1 + room, y1 + room], false);
  const side = canvas.width;
  const { data } = ctx.getImageData(0, 0, side, side);
  const longer = Math.max(x1 - x0, y1 - y0) + 2 * room;
  const [halfWide, halfHigh] = [(x1 - x0) / longer / 2, (y1 - y0) / longer / 2];
  const isObject = (at) => Math.abs(((at % side) + 0.5) / side - 0.5) < halfWide && Math.abs((Math.floor(at / side) + 0.5) / side - 0.5) < halfHigh;
  const sum = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (!data[i + 3] || isObject(i / 4)) continue;
    lab(data[i], data[i + 1], data[i + 2]).forEach((value, c) => (sum[c] += value));
    count++;
  }
  const around = sum.map((value) => value / Math.max(1, count));
  const apart = (colour) => Math.hypot(...ofHex(colour).map((value, c) => value - around[c]));
  return free.reduce((best, each) => (apart(each) > apart(best) ? each : best));
}

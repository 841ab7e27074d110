// The bar under the picture: where the pointer is and what lies there, how large the picture is, who answered.

import * as api from "./api.js";
import { isWorking } from "./ask.js";
import { mapOf } from "./canvas.js";
import { $, el, fill, key, seconds, thin } from "./dom.js";
import { sample } from "./evolve.js";
import { frameOf } from "./live.js";
import { hand } from "./pointer.js";
import { toMap } from "./search.js";
import { hasMap, shown } from "./stages.js";
import { changed, layer, state } from "./state.js";
import { toPicture, view } from "./view.js";

export function drawStatus() {
  const { picture, info } = state;
  const each = layer();
  const left = [];
  const place = hand.x >= 0 ? toPicture(hand.x, hand.y) : null;
  const inside = place && place[0] >= 0 && place[1] >= 0 && place[0] < picture.hw[1] && place[1] < picture.hw[0];
  const { stage } = shown();
  if (inside && picture.transform) {
    const [e, n] = toMap(...place);
    const metric = Math.abs(e) > 400;
    left.push(el("span", {}, el("b", {}, metric ? "E" : "lon"), metric ? thin(e) : e.toFixed(5), " ", el("b", {}, metric ? "N" : "lat"), metric ? `${thin(n)} m` : n.toFixed(5)));
    lonLat(place);
    if (state.lonlat) left.push(el("span", {}, state.lonlat));
  } else if (inside) left.push(el("span", {}, el("b", {}, "x"), String(Math.floor(place[0])), " ", el("b", {}, "y"), String(Math.floor(place[1])), " px"));
  if (picture.epsg) left.splice(1, 0, el("span", {}, `EPSG:${picture.epsg}`));
  const map = hasMap(stage) && each && mapOf(each, stage);
  if (inside && map) {
    const [x0, y0, x1, y1] = frameOf(each);
    const [x, y] = [place[0] - x0, place[1] - y0];
    if (x >= 0 && y >= 0 && x < x1 - x0 && y < y1 - y0) left.push(el("span", {}, stage === "evolve" ? "fused " : stage === "focus" ? "tied " : "attention ", el("b", {}, sample(map, [y1 - y0, x1 - x0], x, y).toFixed(2))));
  }
  if (!picture.transform) left.push(el("span", {}, `${Math.round(view.scale * 100)} %`));
  fill($("status-left"), left);
  const right = [];
  if (map) right.push("Grey while a map lies on it");
  else if (picture.metres_per_pixel) {
    const metres = Array.isArray(picture.metres_per_pixel) ? picture.metres_per_pixel[0] : picture.metres_per_pixel;
    right.push(`${Number(metres.toPrecision(3))} m per pixel`, `${Math.round(view.scale * 100)} %`);
  } else if (each?.seconds && !isWorking(each)) right.push(`Answered in ${seconds(each.seconds)}`);
  if (!map) right.push(`recipe ${info.recipe}, ${info.device}`);
  fill($("status-right"), right.map((text) => el("span", {}, text)), !picture.large && el("span", {}, "Hold ", key("Space"), " for the picture alone"));
}

let asking = 0;

function lonLat([x, y]) {
  clearTimeout(asking);
  asking = setTimeout(async () => {
    try {
      const { lonlat } = await api.get(`/v1/pictures/${state.picture.id}/place?points=${x.toFixed(1)},${y.toFixed(1)}`);
      const now = lonlat?.[0] ? degrees(lonlat[0]) : "";
      if (now !== state.lonlat) (state.lonlat = now), changed();
    } catch {
      state.lonlat = "";
    }
  }, 120);
}

const degrees = ([lon, lat]) => `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"} ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;

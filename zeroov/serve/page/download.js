// The bar with the files of an answer. What cannot be is disabled, with its reason, and never hidden.

import * as api from "./api.js";
import { $, el, fill, toast } from "./dom.js";
import { isWorking } from "./ask.js";
import { layer, state } from "./state.js";

const FILES = [
  ["Mask", "mask.png", false],
  ["Outline", "outline.geojson", false],
  ["JSON", "result.json", false],
  ["Panel", "panel.png", false],
  ["GeoJSON", "found.geojson", true],
  ["GeoPackage", "found.gpkg", true],
  ["All", "all.zip", false],
];

function reason(each, name) {
  if (!each) return "Nothing was asked yet";
  if (isWorking(each)) return "The answer is not there yet";
  if (!each.result) return "There is no answer";
  if (state.gone) return "The server does not answer";
  if (name !== "result.json" && name !== "all.zip" && name !== "panel.png" && !each.objects.length) return "Nothing was found";
  if (name === "panel.png" && each.result.searched) return "A search has no panel";
  return "";
}

async function save(each, name) {
  const stem = (state.picture.name || "picture").replace(/\.[^.]+$/, "");
  try {
    await api.save(`/v1/results/${each.result.id}/files/${name}`, `${stem}-${each.number}-${name}`);
  } catch (error) {
    toast(api.words(error), "", null, 8);
  }
}

export function drawDownload() {
  const each = layer();
  const onMap = Boolean(state.picture?.transform);
  // On a map the two files that know the place stand in for outline, JSON and panel, which All holds as well.
  const shown = FILES.filter(([, name, map]) => (onMap ? map || ["mask.png", "all.zip"].includes(name) : !map));
  const order = onMap ? ["GeoJSON", "GeoPackage"] : [];
  shown.sort((a, b) => order.includes(b[0]) - order.includes(a[0]));
  fill($("s-download"), el("h2", {}, "Download"), shown.map(([text, name]) => {
    const why = reason(each, name);
    return el("button", { type: "button", class: text === "All" ? "main" : "edge", disabled: Boolean(why), title: why || name, "data-keep": `d-${name}`, onclick: () => save(each, name) }, text);
  }));
}

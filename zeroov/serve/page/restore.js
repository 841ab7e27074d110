// A link's state: its picture and layers are taken from the server, or asked again where that forgot them.

import * as api from "./api.js";
import { answered, run } from "./ask.js";
import { $ } from "./dom.js";
import { show } from "./picture.js";
import { changed, layer, newLayer, state } from "./state.js";
import { view } from "./view.js";

/** Show what a link keeps. */
export async function restore(kept) {
  let picture;
  try {
    picture = await api.get(`/v1/pictures/${encodeURIComponent(kept.p)}`);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  const layers = kept.l.map((each) => Object.assign(newLayer(each.t, Boolean(each.a)), { status: "not asked", area: each.w ?? null, hidden: Boolean(each.h), kept: Boolean(each.f), points: each.d ?? [] }));
  layers.forEach((each, i) => (each.number = i + 1));
  if (!picture) {
    Object.assign(state, { lost: { id: kept.p, name: kept.n, reopen: () => layers.forEach((each, i) => refetch(each, kept.l[i])) }, layers, chosen: kept.c ?? 0 });
    document.body.dataset.screen = "picture";
    return changed();
  }
  await show(Object.assign(picture, { asked_bands: kept.b ?? "" }), { layers });
  Object.assign(state, { stage: kept.s ?? "refine", show: kept.e ?? "purified", chosen: Math.min(kept.c ?? 0, layers.length - 1) });
  if (kept.v) Object.assign(view, { scale: kept.v[0], x: kept.v[1], y: kept.v[2], free: true });
  $("sentence").value = layer()?.sentence ?? "";
  await Promise.all(layers.map((each, i) => refetch(each, kept.l[i])));
  changed();
}

/** Take a linked layer's answer from the server, or where that forgot it, ask again. */
async function refetch(each, kept) {
  const tuned = (one) => {
    const [k, tau, alpha, weights] = kept.k ?? [];
    return { picked: kept.o ?? null, ...(kept.k && one.explain ? { tune: { k, tau, alpha, weights: { ...one.tune.weights, ...weights } } } : {}) };
  };
  try {
    if (!kept.r) throw new api.ApiError(404, "unknown", "");
    each.started = performance.now();
    const result = await api.get(`/v1/results/${encodeURIComponent(kept.r)}`);
    each.searching = each.every || Boolean(result.searched);
    await answered(each, result);
  } catch (error) {
    if (error.status !== 404) return Object.assign(each, { status: "failed", error });
    await run(each);
  }
  if (each.tune) Object.assign(each, tuned(each), { live: null, tuned: Boolean(kept.k) });
}

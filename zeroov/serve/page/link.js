// The fragment of the address: picture id, sentences, stage, sliders, points, choice and view. Never the picture.

import { isDoubtful, state } from "./state.js";

const short = (value) => Math.round(value * 1000) / 1000;

export function encode(view) {
  if (!state.picture && !state.lost) return "";
  const picture = state.picture ?? state.lost;
  const kept = {
    p: picture.id,
    n: picture.name,
    b: picture.asked_bands || undefined,
    s: state.stage,
    e: state.show,
    c: state.chosen,
    v: view ? [view.scale, view.x, view.y].map(short) : undefined,
    l: state.layers.map((each) => ({
      t: each.sentence,
      a: each.every || undefined,
      w: each.area ?? undefined,
      r: each.result?.id,
      k: each.tune && isTuned(each) ? [each.tune.k, short(each.tune.tau), short(each.tune.alpha), moved(each)] : undefined,
      o: each.picked ?? undefined,
      d: each.points.length ? each.points.map(([x, y, add]) => [short(x), short(y), add]) : undefined,
      h: each.hidden || undefined,
      f: each.kept && !isDoubtful(each) ? true : undefined,
    })),
  };
  return `#${encodeURIComponent(JSON.stringify(kept)).replaceAll("'", "%27").replaceAll("%22", "'").replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

/** The weights that are not the recipe's. */
const moved = ({ tune, explain }) => Object.fromEntries(Object.entries(tune.weights).filter(([name, value]) => value !== explain?.weights?.[name]));

const isTuned = ({ tune, explain }) => !explain || JSON.stringify(tune) !== JSON.stringify(recipeOf(explain));

/** The recipe's own values for the sliders. */
export const recipeOf = ({ recipe, weights }) => ({ k: recipe.k, tau: recipe.tau, alpha: recipe.alpha, weights: { ...weights } });

export function decode(fragment) {
  if (fragment.length < 3) return null;
  try {
    // The apostrophe stands for the quotation mark; one in a sentence is %27.
    const kept = JSON.parse(decodeURIComponent(fragment.slice(1).replaceAll("'", "%22")));
    return typeof kept?.p === "string" && Array.isArray(kept.l) ? kept : null;
  } catch {
    return null;
  }
}

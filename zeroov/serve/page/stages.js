// The chain of stages of a layer: which there are, which one is shown, and what is known of each.

import { isSearch } from "./search.js";
import { changed, layer, stages, state } from "./state.js";

const NAMES = { picture: "Picture", overview: "Overview", focus: "Focus", evolve: "Evolve", refine: "Refine" };
const SEARCH = { picture: "Map", overview: "Glance", tiles: "Tiles", closer: "Closer", refine: "Outlines" };

/** Return [{id, name, key}] for the chosen layer; a stage that the recipe has not is absent, and the numbers stay. */
export function chain() {
  if (isSearch(layer())) return Object.entries(SEARCH).map(([id, name], key) => ({ id, name, key }));
  return Object.entries(NAMES)
    .map(([id, name], key) => ({ id, name, key }))
    .filter(({ id }) => id === "picture" || stages().includes(id));
}

export const hasMap = (stage) => ["overview", "focus", "evolve"].includes(stage);

/** What is shown now: the chosen stage, or what a slider that is moved makes one look at. */
export function shown() {
  const { stage, show } = state.peek ?? state;
  const known = chain().some(({ id }) => id === stage);
  return { stage: known ? stage : chain().at(-1).id, show };
}

const SHOWS = ["fused", "grown", "purified"];

export function choose(stage, again = false) {
  if (!chain().some(({ id }) => id === stage)) return;
  if (again && stage === "evolve" && state.stage === "evolve") state.show = SHOWS[(SHOWS.indexOf(state.show) + 1) % 3];
  state.stage = stage;
  state.peek = null;
  changed();
}

let leaving = 0;

/** Show a stage while a slider is moved, and one second longer. */
export function peek(stage, show = state.show) {
  clearTimeout(leaving);
  const already = state.stage === stage && (stage !== "evolve" || state.show === show);
  state.peek = already || !chain().some(({ id }) => id === stage) ? null : { stage, show };
  leaving = setTimeout(() => {
    state.peek = null;
    changed();
  }, 1000);
  changed();
}

// The legend under a map: its scale from 0 to 1, the marks at tau and alpha, and Evolve's three views.

import { colourOf, mapOf } from "./canvas.js";
import { $, arrows, el, fill } from "./dom.js";
import { live } from "./live.js";
import { hasMap, shown } from "./stages.js";
import { changed, layer, state } from "./state.js";

const item = (sign, text, about = {}) => el("span", { class: "item" }, el("i", { class: sign, ...about }), text);

export function drawLegend() {
  const each = layer();
  const { stage, show } = shown();
  const place = $("legend");
  place.hidden = !each || each.hidden || !hasMap(stage) || !mapOf(each, stage) || state.bare;
  if (place.hidden) return;
  const known = live(each);
  const evolve = stage === "evolve" && known;
  const { tune, explain } = each;
  const parts = [];
  if (evolve)
    parts.push(el("span", { class: "switch", role: "radiogroup", "aria-label": "What of Evolve" }, ["fused", "grown", "purified"].map((name) =>
      el("button", { type: "button", role: "radio", "aria-checked": String(show === name), tabindex: show === name ? "0" : "-1", "data-keep": name, onclick: () => ((state.show = name), (state.peek = null), changed()) }, name[0].toUpperCase() + name.slice(1)))));
  parts.push(el("span", { class: "item" }, "0", el("span", { class: "ramp" },
    evolve && [el("i", { "--at": `${100 * tune.tau}%` }), el("i", { class: "cut", "--at": `${100 * tune.alpha}%`, "--tag": colourOf(each) })]), "1"));
  if (evolve && show !== "fused") {
    parts.push(item("dots", `grown, τ ${tune.tau.toFixed(2)}`));
    if (show === "purified") {
      const cut = item("solid", `cut, α ${tune.alpha.toFixed(2)}`);
      cut.firstChild.style.background = colourOf(each);
      parts.push(cut);
      if (tune.alpha !== explain.recipe.alpha || tune.tau !== explain.recipe.tau || tune.k !== explain.recipe.k) parts.push(item("thin", `recipe's ${explain.recipe.alpha.toFixed(2)}`));
    }
    const seeds = known.seeds.at.reduce((sum, is) => sum + is, 0);
    parts.push(item("seed", `${seeds} seeds`));
  }
  if (stage === "overview" && explain.answer_box) parts.push(el("span", { class: "item" }, "corners: the box that the model named"));
  if (stage === "focus" && each.tied) parts.push(el("span", { class: "item" }, "what is tied to the ringed cell; click another"));
  fill(place, parts);
  for (const group of place.querySelectorAll('[role="radiogroup"]')) arrows(group, "button", (button) => button.click());
}

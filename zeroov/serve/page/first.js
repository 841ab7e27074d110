// The first visit: what this is, a place to drop a picture, and six drawn scenes that are alive.

import * as api from "./api.js";
import { answered, ask } from "./ask.js";
import { colourOf } from "./canvas.js";
import { $, copy, el, fill, icon, key, seconds, size } from "./dom.js";
import * as draw from "./draw.js";
import { objectPath } from "./live.js";
import { browse, show, tell } from "./picture.js";
import { thumbnail } from "./rail.js";
import { changed, isDoubtful, newLayer, stages, state } from "./state.js";

const ABOUT = {
  overview: ["Overview", "where the language model looks"],
  focus: ["Focus", "which pixels belong together"],
  evolve: ["Evolve", "both fused, grown from seeds"],
  refine: ["Refine", "its edge, by Segment Anything"],
};
const shownStages = () => Object.keys(ABOUT).filter((stage) => stages().includes(stage));
let hero = null; // {example, stage}

function dropbox() {
  const { folders = [] } = state.info;
  const list = el("div", { class: "menu folder-list", hidden: true });
  return el("div", { class: "dropbox" },
    el("strong", {}, "Drop an image or a GeoTIFF anywhere on this page"),
    el("p", {}, "or paste one with ", key("Ctrl"), " ", key("V")),
    el("div", { class: "ways" },
      el("button", { class: "main", type: "button", onclick: () => $("file").click() }, icon("upload"), "Choose a file"),
      el("button", { class: "edge", type: "button", disabled: !folders.length, title: folders.length ? "" : "The server was started without a folder; zeroov serve --folder NAME=PATH names one", onclick: () => browse(null, "", (...children) => (fill(list, children), (list.hidden = false), list.querySelector("button")?.focus())) }, "Open from the server’s folder"),
      list));
}

function small() {
  const { address, limits } = state.info;
  const where = address.loopback ? `the server at ${address.host}` : `the server at ${address.host}, another computer`;
  return el("p", { class: "small" }, `PNG, JPEG, JPEG 2000, TIFF and GeoTIFF, up to ${size(limits.bytes)}.`, el("br"), `Large scenes open as a map. Images stay on ${where}.`);
}

export function layOut() {
  const { info } = state;
  const examples = (state.examples = Array.from({ length: info.examples }, () => ({}))); // each in its place, before it is drawn
  fill(
    $("first"),
    el("div", { class: "hero" },
      el("div", {},
        el("h2", {}, "Describe one object.", el("br"), "See where it is, and why."),
        el("p", { class: "about" }, "zeroov finds the object that a sentence means in an aerial or satellite image, outlines it, and shows every step that led there."),
        dropbox(), small()),
      el("div", { class: "hero-picture" }, el("canvas", { id: "hero-canvas", "data-side": "348", role: "img", "aria-label": "A drawn scene with its answer" }), el("p", { id: "hero-asked" })),
      el("div", { class: "hero-stages", id: "hero-stages" })),
    el("div", { class: "try" }, el("h2", {}, "Try one"), el("p", { id: "try-note" }, `${["No", "One", "Two", "Three", "Four", "Five", "Six"][examples.length] ?? examples.length} scenes drawn by this server. One of them asks for something that is not there.`)),
    el("div", { class: "examples", id: "examples" }),
  );
  layOutExamples();
  fill($("foot"), el("div", {},
    info.drawn_only ? el("span", { class: "mini" }, icon("warn"), el("span", {}, el("b", {}, `Recipe ${info.recipe}${info.device === "cpu" ? ", on the CPU" : ""}:`), " knows drawn scenes only. For real images"), el("button", { class: "command", type: "button", "aria-label": "Copy zeroov models get", onclick: () => copy("zeroov models get") }, "zeroov models get", icon("copy")))
      : el("span", { class: "mini" }, el("b", {}, `Recipe ${info.recipe}`), info.device),
    el("button", { class: "as-link", type: "button", onclick: () => $("help").click() }, "Keys"),
    el("a", { href: info.links.openapi }, "API"),
    el("span", {}, `zeroov ${info.version}`)));
}

function layOutExamples() {
  fill($("examples"), state.examples.map((example, i) =>
    el("button", { class: "example", type: "button", disabled: !example.info, "data-at": String(i), "data-keep": `e${i}`, "aria-label": `Ask a drawn scene: ${example.expression ?? "it is being drawn"}`, onclick: () => open(example), onpointerenter: () => lift(example), onfocus: () => lift(example) },
      el("span", { class: "scene" }, el("canvas", { "data-side": "184", "aria-hidden": "true" }), el("span", { class: "go" }, "Ask this", icon("enter"))),
      el("span", { class: "words" }, example.expression ?? ""))));
}

const excuse = (error) => ($("try-note").textContent = api.words(error));

async function reveal(example) {
  const of = `/v1/pictures/${example.picture}`;
  const [known, preview] = await Promise.all([api.get(of), api.bitmap(`${of}/preview?max=700`)]);
  example.info = { ...known, preview };
  if (!example.absent) hero ??= { example, stage: "refine" };
  layOutExamples();
  paint();
}

/** Let the scenes be drawn one after another, and each be seen when it is there; then ask them where it costs little. */
export async function enliven() {
  const { examples, info } = state;
  const shown = [];
  try {
    for (const [place, example] of examples.entries()) {
      if (state.picture) return;
      Object.assign(example, await api.get(`/v1/examples/${place}`));
      shown.push(reveal(example).catch(excuse)); // while the next one is drawn
    }
    await Promise.all(shown);
  } catch (error) {
    excuse(error);
  }
  if (!hero) return;
  const cheap = info.drawn_only;
  for (const example of cheap ? [hero.example, ...examples.filter((each) => each !== hero.example)] : []) {
    if (!example?.info || example.layer || state.picture) continue;
    try {
      const { results } = await api.post(`/v1/pictures/${example.picture}/ground`, { expressions: [example.expression] });
      const made = newLayer(example.expression);
      made.started = performance.now();
      example.layer = made;
      await within(example, () => answered(made, results[0]));
    } catch {
      break; // the scene can still be asked by hand, and then says what is wrong
    }
    paint();
  }
}

/** Let code that speaks of the page's picture speak of an example's; the picture itself comes first. */
function within(example, act) {
  const kept = state.picture;
  state.picture = example.info;
  try {
    return act();
  } finally {
    state.picture = kept;
  }
}

function lift(example) {
  if (!example.layer) return;
  hero = { example, stage: "refine" };
  paint();
}

export function paint() {
  if (document.body.dataset.screen !== "first") return;
  for (const button of document.querySelectorAll(".example")) {
    const example = state.examples[Number(button.dataset.at)];
    const over = button.matches(":hover, :focus-visible");
    if (example.info) within(example, () => thumbnail(button.querySelector("canvas"), over ? example.layer : null, over && example.layer ? "refine" : "picture"));
  }
  paintHero();
}

function paintHero() {
  const { example, stage } = hero ?? {};
  const canvas = $("hero-canvas");
  if (!example?.info || !canvas) return;
  const made = example.layer;
  within(example, () => {
    thumbnail(canvas, made ?? null, made && stage !== "refine" ? stage : "picture");
    if (made && stage === "refine") outlineHero(canvas, made);
    fill($("hero-asked"), "Asked: ", el("b", {}, `“${example.expression}”`));
    const buttons = shownStages().map((id) => el("button", { type: "button", class: "hero-stage", "aria-pressed": String(id === stage), "data-keep": id, onclick: () => ((hero.stage = id), paint()) },
      el("span", { class: "thumb" }, el("canvas", { "data-side": "76", "aria-hidden": "true" })), el("span", {}, el("b", {}, ABOUT[id][0]), ABOUT[id][1])));
    const took = made?.result?.seconds ? `${seconds(made.result.seconds)} on ${state.info.device === "cpu" ? "a CPU" : state.info.device}, models loaded` : "";
    fill($("hero-stages"), buttons, el("p", { class: "took" }, took));
    for (const button of $("hero-stages").querySelectorAll(".hero-stage")) {
      const small_ = button.querySelector("canvas");
      const there = thumbnail(small_, made ?? null, button.dataset.keep);
      button.querySelector(".thumb").classList.toggle("empty", !there);
      small_.hidden = !there;
    }
  });
}

function outlineHero(canvas, made) {
  const ctx = canvas.getContext("2d");
  const ratio = Math.min(2, devicePixelRatio || 1);
  const { hw } = state.picture;
  const scale = canvas.width / Math.min(...hw);
  const [object] = made.objects;
  if (!object) return;
  draw.outline(ctx, objectPath(object), { scale: scale / ratio }, hw, { colour: colourOf(made), width: 2.75, dashed: isDoubtful(made) });
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  const [x, y] = [(object.box_xyxy[0] * scale) / ratio, (object.box_xyxy[1] * scale) / ratio];
  const colour = colourOf(made);
  const says = made.status === "nothing" ? "Nothing found" : `${isDoubtful(made) ? "Doubtful" : "Found"} ${made.result.score.toFixed(2)}`;
  draw.tag(ctx, Math.max(4, Math.min(x, 220)), Math.max(28, y - 6), [["1", colour, draw.isLight(colour) ? draw.SOLID : "#FFFFFF"], [says, draw.SOLID, "#FFFFFF"]]);
}

/** Open a scene and ask it; its answer, where it is there already, comes with it. */
async function open(example) {
  tell("");
  const made = example.layer;
  $("sentence").value = example.expression;
  await show({ ...example.info, preview: null }, { layers: made ? [made] : [] });
  if (made) state.stage = "refine";
  else await ask(example.expression, false);
  changed();
}

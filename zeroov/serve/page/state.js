// What the page knows. One object; whoever changes it calls changed(), and everything drawn follows in one frame.

export const COLOURS = ["#FFDD33", "#4DC3FF", "#FF5FB0", "#FFFFFF", "#FF7F2A"];

export const state = {
  info: null, // what GET /v1 said
  examples: [],
  gone: false, // the server does not answer
  picture: null,
  lost: null, // {name} of a linked picture that the server forgot
  layers: [],
  chosen: -1,
  stage: "picture",
  show: "purified", // of Evolve: fused, grown, purified
  peek: null, // {stage, show} while a slider is moved
  tool: "move",
  opacity: 0.7,
  dim: 0,
  bare: false, // Space is held: the picture alone
  hover: null, // letter of a candidate under the pointer
  letters: true, // letter keys
  cross: null, // the cross that arrows move, in pixels of the picture
  drawnIn: 0, // milliseconds of the last redraw by a slider
};

const followers = [];
let planned = false;

export function follow(draw) {
  followers.push(draw);
}

export function changed() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    for (const draw of followers) draw();
  });
}

export const layer = () => state.layers[state.chosen] ?? null;
export const stages = () => state.info?.stages ?? ["overview", "focus", "evolve", "refine"];

let serial = 0;

export function newLayer(sentence, every = false) {
  const used = state.layers.map((each) => each.number);
  let number = 1;
  while (used.includes(number)) number++;
  return {
    key: `l${++serial}`,
    number,
    sentence,
    every,
    colour: null,
    hidden: false,
    kept: false, // a doubtful answer that a person keeps as found
    status: "waiting",
    area: null, // only this window is searched
    result: null,
    objects: [],
    explain: null,
    tune: null, // {k, tau, alpha, weights}
    fits: null, // the same, as Refine's outline was made with
    picked: null, // letter of a candidate that a person chose
    points: [], // [x, y, 1 or 0]
    progress: {},
    made: new Set(), // stages whose value is there
    tiles: [],
    found: [],
    least: null, // of the scores that are shown, where somebody moved the slider
    error: null,
    job: null,
    started: 0,
    object: -1,
    sort: "found",
  };
}

/** Whether the models know no more than drawn scenes, and the server says that this picture is none. */
export const isStrange = () => state.picture?.drawn === false;

/** Whether an answer is doubtful: the server says so, and nobody kept it; or the models know nothing of such pictures. */
export const isDoubtful = (each) => Boolean(each.result?.doubtful || (each.result && isStrange())) && !each.kept;

// Undo and redo: what was before and after, of one layer.

const KEPT = ["tune", "fits", "picked", "points", "result", "objects", "status", "kept", "box"];
const done = [];
const undone = [];

export const snapshot = (each) => structuredClone(Object.fromEntries(KEPT.map((name) => [name, each[name]])));

export function remember(each, before, kind = "change") {
  const last = done.at(-1);
  if (kind === "slide" && last?.kind === "slide" && last.layer === each && performance.now() - last.time < 1000) {
    Object.assign(last, { after: snapshot(each), time: performance.now() });
  } else {
    done.push({ layer: each, before, after: snapshot(each), kind, time: performance.now() });
  }
  undone.length = 0;
}

export const canUndo = () => done.length > 0;
export const canRedo = () => undone.length > 0;
export const clicksToUndo = (each) => {
  let count = 0;
  for (let i = done.length - 1; i >= 0 && done[i].layer === each && done[i].kind === "click"; i--) count++;
  return count;
};

function step(from, to, which) {
  const entry = from.pop();
  if (!entry) return null;
  Object.assign(entry.layer, structuredClone(entry[which]), { live: null });
  to.push(entry);
  state.chosen = Math.max(0, state.layers.indexOf(entry.layer));
  changed();
  return entry;
}

export const undo = () => step(done, undone, "before");
export const redo = () => step(undone, done, "after");

export function forget() {
  done.length = undone.length = 0;
}

// The Explorer of zeroov.show: one picture, questions about it, and Evolve's sliders. The page's evolve.js and outline.js
// stand before this text in the same module, so that their arithmetic is written once.

const ANSWER_COLOUR = "#FFDD33";
const EVOLVE_COLOUR = "#4DC3FF";
const LINE_CASING = "#0B0C0FB8";
const MOST_EXACT = 250_000; // pixels up to which Evolve's mask is cut at the picture's own size, so that a slider is quick
const DRAWN_SIDE = 900; // a smaller picture is drawn several times as large, so that lines on it are smooth
const SLIDERS = [
  ["k", 1, 30, 1, "seeds"],
  ["tau", 0, 1, 0.01, "growth"],
  ["alpha", 0, 1, 0.01, "cut"],
];

function floats({ shape: [rows, cols], f32 }) {
  const bytes = Uint8Array.from(atob(f32), (letter) => letter.charCodeAt(0));
  return makeMap(rows, cols, new Float32Array(bytes.buffer));
}

/** Evolve's mask, and its box in pixels of the picture that was looked at, with other values than the recipe's. */
function cutWith(maps, tune) {
  const [height, width] = maps.hw;
  const factor = Math.min(1, Math.sqrt(MOST_EXACT / (height * width)));
  const hw = [Math.max(1, Math.round(height * factor)), Math.max(1, Math.round(width * factor))];
  const region = grow(maps.fused, maps.cross, tune.k, tune.tau);
  const mask = binarise(maps.fused, region, hw, tune.alpha, maps.canvas);
  const box = maskBox(mask)?.map((side, at) => Math.round(side * (at % 2 ? height / hw[0] : width / hw[1])));
  return { mask, box };
}

function render({ model, el }) {
  const make = (tag, attributes = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...inside);
    return node;
  };
  const words = make("input", { type: "text", placeholder: "the white plane on the left", "aria-label": "Describe one object" });
  const find = make("button", { type: "submit" }, "Find");
  const boxField = make("input", { type: "text", placeholder: "x0, y0, x1, y1", "aria-label": "Box in pixels, where the place is known" });
  const canvas = make("canvas", { role: "img", "aria-label": "The picture; drag to draw a box" });
  const list = make("ol", { "aria-label": "Answers" });
  const status = make("p", { role: "status", "aria-live": "polite" });
  const legend = make("p", { class: "zeroov-legend" });
  const sliders = make("fieldset", {}, make("legend", {}, "Evolve, drawn here without a model"));
  const form = make("form", {}, words, boxField, find);
  const root = make("div", { class: "zeroov-explorer" }, form, status, canvas, legend, sliders, list);

  const image = new Image();
  const state = { tune: {}, box: null, drag: null, maps: null };

  for (const [name, least, most, step, title] of SLIDERS) {
    const range = make("input", { type: "range", min: least, max: most, step, name, "aria-label": name });
    const figure = make("span", { class: "zeroov-figure" });
    sliders.append(make("label", {}, `${name} (${title})`, range, figure));
    range.addEventListener("input", () => {
      state.tune[name] = Number(range.value);
      draw();
    });
    range.addEventListener("change", () => {
      model.set("tune", { ...state.tune });
      model.save_changes();
    });
  }

  const chosen = () => model.get("results")[model.get("chosen")];

  function line(context, path, colour, width, dashes = []) {
    context.setLineDash(dashes);
    for (const [style, wide] of [[LINE_CASING, width + 2.5], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.stroke(path);
    }
    context.setLineDash([]);
  }

  function draw() {
    const [height, width] = model.get("hw");
    const factor = Math.max(1, Math.round(DRAWN_SIDE / Math.max(image.naturalWidth, image.naturalHeight, 1)));
    canvas.width = factor * (image.naturalWidth || 1);
    canvas.height = factor * (image.naturalHeight || 1);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false; // the pixels of a small picture are shown as they are
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const [across, down] = [canvas.width / width, canvas.height / height];
    const result = chosen();
    root.removeAttribute("data-evolve-box");
    legend.textContent = "";
    if (state.maps) {
      const { mask, box } = cutWith(state.maps, state.tune);
      const path = pathOf(contour(mask, 0.5), canvas.width / mask.cols, canvas.height / mask.rows);
      line(context, path, EVOLVE_COLOUR, 1.5);
      const place = box ? `box ${box.join(", ")}` : "empty";
      legend.textContent = `Yellow: the answer. Blue: Evolve's mask with these values, ${place}.`;
      root.setAttribute("data-evolve-box", JSON.stringify(box ?? null));
    }
    for (const found of result?.found ?? [])
      line(context, pathOf(ringsOf(found), across, down), ANSWER_COLOUR, 2.5, found.doubtful ? [7, 5] : []);
    const box = state.drag ?? state.box;
    if (box) {
      const path = new Path2D();
      path.rect(box[0] * across, box[1] * down, (box[2] - box[0]) * across, (box[3] - box[1]) * down);
      line(context, path, "#FFFFFF", 1.5, [4, 4]);
    }
    for (const label of sliders.querySelectorAll("label")) {
      const range = label.querySelector("input");
      range.value = state.tune[range.name] ?? range.min;
      label.querySelector("span").textContent = state.maps ? range.value : "–";
    }
    sliders.disabled = !state.maps;
  }

  function choose() {
    const maps = chosen()?.evolve;
    state.maps = maps ? { hw: maps.hw, canvas: maps.canvas, fused: floats(maps.fused), cross: floats(maps.cross_on_grid) } : null;
    state.tune = maps ? { k: maps.k, tau: maps.tau, alpha: maps.alpha } : {};
    fill();
    draw();
  }

  function said(result) {
    if (result.status === "empty") return `nothing found: ${result.why_empty}`;
    const more = result.found.length > 1 ? `${result.found.length} objects, ` : "";
    const doubt = result.doubtful ? `, doubtful: ${result.doubtful}` : "";
    return `${more}score ${result.score.toFixed(2)}${doubt}${result.why ? ` (${result.why})` : ""}`;
  }

  function fill() {
    list.replaceChildren(
      ...model.get("results").map((result, at) => {
        const button = make("button", { type: "button" }, make("b", {}, result.expression), ` ${said(result)}`);
        if (at === model.get("chosen")) button.setAttribute("aria-current", "true");
        button.addEventListener("click", () => {
          model.set("chosen", at);
          model.save_changes();
          choose();
        });
        return make("li", {}, button);
      }),
    );
  }

  function report() {
    const busy = model.get("busy");
    find.disabled = busy;
    status.textContent = busy ? "Working ..." : model.get("problem");
    status.classList.toggle("zeroov-problem", !busy && Boolean(model.get("problem")));
  }

  const place = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [tall, wide] = model.get("hw");
    const clip = (value, most) => Math.round(Math.min(Math.max(value, 0), 1) * most);
    return [clip((event.clientX - left) / width, wide), clip((event.clientY - top) / height, tall)];
  };
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    start = place(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = place(event);
    state.drag = [Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y)];
    draw();
  });
  canvas.addEventListener("pointerup", () => {
    const drawn = state.drag;
    [start, state.drag] = [null, null];
    state.box = drawn && drawn[2] > drawn[0] && drawn[3] > drawn[1] ? drawn : null;
    boxField.value = state.box ? state.box.join(", ") : "";
    draw();
  });
  boxField.addEventListener("input", () => {
    const sides = boxField.value.split(",").map((side) => Number.parseFloat(side));
    state.box = sides.length === 4 && sides.every(Number.isFinite) ? sides : null;
    draw();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!model.get("busy")) model.send({ kind: "ask", expression: words.value, bbox: boxField.value.trim() });
  });

  const show = () => {
    image.src = model.get("picture");
  };
  const write = () => {
    words.value = model.get("expression");
  };
  image.addEventListener("load", draw);
  const heard = [
    ["change:picture", show],
    ["change:expression", write],
    ["change:results", choose],
    ["change:chosen", choose],
    ["change:busy", report],
    ["change:problem", report],
  ];
  for (const [event, what] of heard) model.on(event, what);
  el.append(root);
  show();
  write();
  report();
  choose();
  return () => {
    for (const [event, what] of heard) model.off(event, what);
  };
}

export default { render };

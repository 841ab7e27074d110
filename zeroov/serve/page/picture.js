// Opening a picture: dropped, pasted, chosen, or from a folder that the server names; and the chip that says which it is.

import * as api from "./api.js";
import { run } from "./ask.js";
import { forgetTiles, loadPreview } from "./base.js";
import { resized } from "./canvas.js";
import { $, arrows, el, fill, icon, size, toast } from "./dom.js";
import { changed, forget, state } from "./state.js";
import { fit, view } from "./view.js";

let note = "";

/** Show a picture that the server has. `kept` layers stay, as of a link. */
export async function show(picture, { layers = [] } = {}) {
  forgetTiles();
  forget();
  state.picture?.preview?.close();
  Object.assign(state, { picture, layers, chosen: layers.length - 1, stage: "picture", peek: null, lost: null, cross: null });
  Object.assign(view, { width: 0, free: false });
  document.body.dataset.screen = picture.large ? "map" : "picture";
  document.title = `${picture.name || "picture"} · zeroov`;
  changed();
  try {
    picture.preview = await loadPreview(picture);
  } catch (error) {
    toast(error.message, "", null, 8);
  }
  resized();
  fit();
  changed();
}

/** Send a file and show it; `then` runs when it is there. */
async function openFile(file, then = null, bands = "") {
  tell(`Sending ${file.name || "the picture"}, ${size(file.size)} ...`);
  const { limits } = state.info ?? {};
  if (limits?.bytes && file.size > limits.bytes) return tell(`${file.name} has ${size(file.size)}; this server takes at most ${size(limits.bytes)}. Put it into a folder that the server is started with.`, true);
  try {
    const picture = Object.assign(await api.upload(file, bands), { file, asked_bands: bands });
    state.gone = false;
    const { lost, layers } = state;
    await show(picture, { layers: lost ? layers : [] });
    if (lost?.reopen) lost.reopen();
    else for (const each of lost ? layers : []) if (each.status === "lost") run(each);
    tell("");
    then?.();
  } catch (error) {
    if (api.isGone(error)) state.gone = true;
    tell(api.words(error), true);
  }
}

async function openRef(ref) {
  tell("Opening ...");
  try {
    await show(await api.post("/v1/pictures", { ref }));
    tell("");
  } catch (error) {
    tell(api.words(error), true);
  }
}

/** Say something under the ask field; of errors also aloud. */
export function tell(text, wrong = false) {
  note = text;
  $("ask-note").hidden = !text;
  $("ask-note").textContent = text;
  if (wrong && text) $("alarm").textContent = text;
}

export const told = () => note;

export function drawChip() {
  const { picture } = state;
  const chip = $("chip");
  chip.classList.toggle("empty", !picture);
  fill(chip, icon("image"), el("span", { class: "name" }, picture ? picture.name || "picture" : (state.lost?.name ?? "No picture yet")),
    picture && el("span", { class: "size" }, `${picture.hw[1]} × ${picture.hw[0]}`), picture && icon("down"));
  chip.title = picture ? `${picture.name}, ${picture.hw[1]} x ${picture.hw[0]} pixels${picture.crs ? `, ${picture.epsg ? `EPSG:${picture.epsg}` : "on a map"}` : ""}` : "";
}

export function closeMenu() {
  const open = !$("chip-menu").hidden;
  $("chip-menu").hidden = true;
  $("chip").setAttribute("aria-expanded", "false");
  return open;
}

function openMenu(...children) {
  fill($("chip-menu"), children);
  $("chip-menu").hidden = false;
  $("chip").setAttribute("aria-expanded", "true");
  $("chip-menu").querySelector("button, input")?.focus();
}

export const item = (name, text, act, aside = "") => el("button", { type: "button", role: "menuitem", onclick: act }, icon(name), el("span", {}, text), aside && el("span", { class: "size" }, aside));

async function paste() {
  closeMenu();
  try {
    for (const one of await navigator.clipboard.read()) {
      const type = one.types.find((each) => each.startsWith("image/"));
      if (type) return openFile(new File([await one.getType(type)], "pasted picture", { type }));
    }
    tell("The clipboard holds no picture.", true);
  } catch {
    tell("This browser does not let a page read the clipboard; press Ctrl V instead.", true);
  }
}

function close() {
  history.replaceState(null, "", location.pathname);
  location.reload();
}

/** List a folder that the server was started with, and what lies under it. */
export async function browse(name = null, under = "", place = openMenu) {
  const { folders = [] } = state.info;
  if (name === null && folders.length === 1) [name] = folders;
  if (name === null) return place(folders.map((each) => item("folder", each, () => browse(each, "", place))));
  try {
    const listed = await api.get(`/v1/folders/${encodeURIComponent(name)}?under=${encodeURIComponent(under)}`);
    const up = under ? under.split("/").slice(0, -1).join("/") : null;
    place(
      up !== null && item("undo", "Back", () => browse(name, up, place)),
      listed.folders.map((each) => item("folder", each, () => browse(name, under ? `${under}/${each}` : each, place))),
      listed.files.map((each) => item("image", each.name, () => (closeMenu(), openRef(each.ref)), size(each.bytes))),
      !listed.folders.length && !listed.files.length && el("p", {}, "No pictures lie here."),
    );
  } catch (error) {
    place(el("p", {}, error.message));
  }
}

function bandsItem() {
  const field = el("input", { type: "text", inputmode: "numeric", placeholder: "4,3,2", value: (state.picture.bands ?? []).join(","), "aria-label": "Bands" });
  field.addEventListener("keydown", async (event) => {
    event.stopPropagation();
    if (event.key === "Escape") return closeMenu(), $("chip").focus();
    if (event.key !== "Enter") return;
    const { file, ref } = state.picture;
    if (!file && !ref) return tell("The page has no file to send again; open the picture again first.", true);
    closeMenu();
    await openFile(file, null, field.value.trim());
  });
  return el("label", {}, icon("box"), "Bands", field);
}

/** Open the chip's menu, with more things to do where the page is narrow. */
export function toggleMenu(more = []) {
  if (closeMenu()) return;
  openMenu(
    more.map((each) => (each.addEventListener("click", closeMenu), each)),
    item("upload", "Open a file", () => (closeMenu(), $("file").click())),
    item("copy", "Paste", paste),
    state.info?.folders?.length > 0 && item("folder", "Server's folder", () => browse()),
    state.picture?.file && bandsItem(),
    state.picture && item("close", "Close", close),
  );
}

arrows($("chip-menu"), "button");

/** Let files be dropped and pasted anywhere, always. */
export function listen() {
  let depth = 0;
  const show_ = (is) => ($("drop").hidden = !is);
  addEventListener("dragenter", (event) => (event.preventDefault(), show_(++depth > 0)));
  addEventListener("dragleave", () => show_(--depth > 0));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    show_(false);
    const [file] = event.dataTransfer.files;
    if (file) openFile(file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) event.preventDefault(), openFile(file);
  });
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    const then = state.afterOpen;
    state.afterOpen = null;
    if (file) openFile(file, then);
    $("file").value = "";
  });
  $("chip").addEventListener("click", () => toggleMenu());
  document.addEventListener("pointerdown", (event) => event.target.closest(".chip-place, #more") || closeMenu());
  $("chip-menu").addEventListener("keydown", (event) => event.key === "Escape" && (event.stopPropagation(), closeMenu(), $("chip").focus()));
}


// Small tools for elements. No markup is ever made from text that came from outside.

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** Handlers live in a property, so that an element that stays takes over those of the one that was made in its place. */
function dispatch(event) {
  return event.currentTarget.handlers[event.type]?.(event);
}

function handle(element, type, act) {
  element.handlers ??= {};
  if (!element.handlers[type]) element.addEventListener(type, dispatch);
  element.handlers[type] = act;
}

/** Make an element: el("p", {class: "note", onclick: f}, "text", child). Properties of style go in as --name. */
export function el(tag, about = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) handle(made, name.slice(2), value);
    else if (name.startsWith("--")) made.style.setProperty(name, value);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Bring the icons into the page, once: a reference to another file is fetched again with every icon that is made. */
export async function loadIcons() {
  const text = await (await fetch(new URL("icons.svg", import.meta.url))).text();
  const sprite = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  for (const each of sprite.children) each.id = `i-${each.id}`;
  sprite.setAttribute("class", "sprite");
  document.body.append(document.importNode(sprite, true));
}

export const key = (text) => el("kbd", { class: "key", "aria-hidden": "true" }, text);

/**
 * Put children in place of what an element holds. What is there already stays and is changed only where it differs:
 * nothing under the pointer is taken away, and the focus stays where it is.
 */
export function fill(parent, ...children) {
  const fresh = document.createDocumentFragment();
  fresh.append(...children.flat(Infinity).filter(Boolean));
  become(parent, fresh);
}

/** Keep an element as it is wherever something of the same name is filled in; returns what stands for it there. */
export function own(element, name) {
  element.dataset.keep = name;
  element.isOwn = true;
  return () => Object.assign(el(element.tagName, { "data-keep": name, "data-stub": "" }), { standsFor: element });
}

const keepOf = (node) => node.dataset?.keep;

function become(parent, fresh) {
  const left = [...parent.childNodes];
  let place = parent.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const at = left.findIndex((node) => node.nodeName === wanted.nodeName && keepOf(node) === keepOf(wanted));
    const node = at < 0 ? (wanted.standsFor ?? wanted) : left.splice(at, 1)[0];
    if (at < 0) for (const stub of wanted.querySelectorAll?.("[data-stub]") ?? []) stub.replaceWith(stub.standsFor);
    if (at >= 0) change(node, wanted);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of left) node.remove();
}

function change(node, wanted) {
  if (node.isOwn) return;
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  const isCanvas = node.tagName === "CANVAS"; // its size belongs to what is drawn in it
  for (const { name } of [...node.attributes])
    if (!wanted.hasAttribute(name) && !(isCanvas && (name === "width" || name === "height"))) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value) setAttribute(node, name, wanted, value);
  for (const type of Object.keys(node.handlers ?? {})) if (!wanted.handlers?.[type]) node.handlers[type] = null;
  for (const [type, act] of Object.entries(wanted.handlers ?? {})) if (act) handle(node, type, act);
  become(node, wanted);
}

/** The policy of the page forbids style as an attribute: its properties are set one by one. */
function setAttribute(node, name, wanted, value) {
  if (name === "style") node.style.cssText = wanted.style.cssText;
  else node.setAttribute(name, value);
}

/** Let arrows move the focus inside a list or a group that is one tab stop. */
export function arrows(parent, selector, choose = () => {}) {
  if (!parent || parent.hasArrows) return;
  parent.hasArrows = true;
  parent.addEventListener("keydown", (event) => {
    const items = [...parent.querySelectorAll(selector)].filter((each) => each.offsetParent !== null);
    const at = items.indexOf(event.target.closest(selector));
    if (at < 0 || event.target.matches("input")) return;
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined || (event.target !== items[at] && !event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    event.stopPropagation();
    const next = items[(to + items.length) % items.length];
    for (const each of items) each.tabIndex = each === next ? 0 : -1;
    next.focus();
    choose(next);
  });
}

export function say(text) {
  if ($("said").textContent !== text) $("said").textContent = text;
}

export function alarm(text) {
  $("alarm").textContent = "";
  $("alarm").textContent = text;
}

let hiding = 0;

/** Show a line that goes away by itself, with one thing to do. */
export function toast(text, action = "", act = null, seconds = 4) {
  clearTimeout(hiding);
  const close = () => ($("toast").hidden = true);
  fill($("toast"), el("span", {}, text), action && el("button", { type: "button", onclick: () => (close(), act()) }, action));
  $("toast").hidden = false;
  say(text);
  hiding = setTimeout(close, seconds * 1000);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure origin there is no clipboard: a selected field does.
    const field = el("textarea", { class: "unseen" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast("Copied.");
}

export const size = (bytes) => (bytes < 2 ** 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${Math.round(bytes / 2 ** 20)} MiB`);
export const thin = (number) => Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
export const seconds = (time) => (time < 10 ? `${time.toFixed(1)} s` : time < 90 ? `${Math.round(time)} s` : `${Math.round(time / 60)} min`);

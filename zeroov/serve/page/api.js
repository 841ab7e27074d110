// The server's REST interface. Every failure is an ApiError with the server's own words.

const KEY = "zeroov key";

export class ApiError extends Error {
  constructor(status, code, message, hint = "", wait = 0) {
    super(message);
    Object.assign(this, { status, code, hint, wait });
  }
}

/** An error's words and what to do about it, as sentences. */
export const words = ({ message, hint }) => [message, hint].filter(Boolean).map((part) => part[0].toUpperCase() + part.slice(1) + (/[.!?]$/.test(part) ? "" : ".")).join(" ");

/** True for the errors that mean that nobody answers. */
export const isGone = (error) => error instanceof ApiError && error.status === 0;

/** Asks a person for the key; main.js sets it. */
export const doorkeeper = { ask: null };

export async function request(path, { method = "GET", json, body, headers = {}, signal } = {}) {
  for (let again = false; ; again = true) {
    const key = sessionStorage.getItem(KEY);
    const sent = { ...headers };
    if (key) sent.Authorization = `Bearer ${key}`;
    if (json !== undefined) sent["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method, headers: sent, body: json !== undefined ? JSON.stringify(json) : body, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "gone", "The server does not answer.");
    }
    if (response.ok) return response;
    if (response.status === 401 && doorkeeper.ask) {
      const given = await doorkeeper.ask(again || Boolean(key));
      if (given) {
        sessionStorage.setItem(KEY, given);
        continue;
      }
    }
    throw await readError(response);
  }
}

async function readError(response) {
  let error = {};
  try {
    ({ error } = await response.json());
  } catch {
    // A proxy's page or half an answer: the status says what can be said.
  }
  const { code = "unknown", message = `The server answered ${response.status}.`, hint = "" } = error ?? {};
  return new ApiError(response.status, code, message, hint, Number(response.headers.get("Retry-After")) || 0);
}

export const get = async (path, options) => (await request(path, options)).json();
export const post = async (path, json, options = {}) => (await request(path, { method: "POST", json, ...options })).json();

/** Ask for work that may take long: a job {id, ...} or results at once {results}. */
export const ask = (picture, json) => post(`/v1/pictures/${picture}/ground`, json, { headers: { Prefer: "respond-async" } });

export async function upload(file, bands = "") {
  const query = new URLSearchParams({ name: file.name || "pasted picture", ...(bands && { bands }) });
  return (await request(`/v1/pictures?${query}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } })).json();
}

export async function bitmap(path, signal) {
  return createImageBitmap(await (await request(path, { signal })).blob());
}

/** Arrays come as base64 of little-endian float32, or of bytes for yes and no. */
export function array(packed) {
  if (!packed) return null;
  const text = atob(packed.f32 ?? packed.u8);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const [rows, cols] = packed.shape;
  return { rows, cols, at: packed.f32 ? new Float32Array(bytes.buffer) : bytes };
}

export async function save(path, name) {
  const blob = await (await request(path)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Read a job's events until it is done: `hear(name, data)` gets each. A broken line is taken up where it was.
 * Not an EventSource: that cannot send a key.
 */
export async function events(job, hear, signal) {
  let last = "";
  for (let failures = 0; ; ) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await request(`/v1/jobs/${job}/events`, { headers, signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        failures = 0;
        rest += value.replaceAll("\r\n", "\n");
        const parts = rest.split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const event = parse(part);
          if (event.id) last = event.id;
          if (!event.data) continue;
          hear(event.event, JSON.parse(event.data));
          if (event.event === "done" || event.event === "failed") return;
        }
      }
      failures++;
    } catch (error) {
      if (error.name === "AbortError" || (error instanceof ApiError && error.status)) throw error;
      if (++failures > 4) throw error instanceof ApiError ? error : new ApiError(0, "gone", "The server does not answer.");
    }
    if (failures > 4) throw new ApiError(0, "gone", "The server does not answer.");
    await new Promise((go) => setTimeout(go, 300 * 2 ** failures));
  }
}

function parse(block) {
  const event = { event: "message", data: "", id: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "data") event.data += value;
    else if (name) event[name] = value;
  }
  return event;
}

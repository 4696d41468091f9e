// @ts-check
// A call of `/v1/chat/completions` without a page: its events, what its chunks add up to, and where an error points.
// Nothing here touches the document or the network.

/**
 * Takes server-sent events apart. Bytes come in any pieces; a piece may end inside of a character or of a line end.
 */
export class Events {
  constructor() {
    this.decoder = new TextDecoder();
    this.rest = "";
    /** @type {string[]} */
    this.data = [];
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} the data of the events that are whole now
   */
  take(bytes) {
    return this.lines(this.decoder.decode(bytes, { stream: true }), false);
  }

  /** @returns {string[]} what is left when the stream ends: an event without its empty line is none */
  end() {
    return this.lines(this.decoder.decode(), true);
  }

  /** @param {string} text @param {boolean} last @returns {string[]} */
  lines(text, last) {
    this.rest += text;
    const events = [];
    for (;;) {
      const found = /\r\n|\n|\r/.exec(this.rest);
      // A carriage return at the end may be the first half of a line end.
      if (!found || (!last && found[0] === "\r" && found.index === this.rest.length - 1)) return events;
      const line = this.rest.slice(0, found.index);
      this.rest = this.rest.slice(found.index + found[0].length);
      if (line === "") {
        if (this.data.length > 0) events.push(this.data.join("\n"));
        this.data = [];
      } else if (line === "data" || line.startsWith("data:")) {
        this.data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  }
}

/**
 * @typedef {{id: string, type: string, name: string, arguments: string}} Call
 * @typedef {{content: string, reasoning: string, refusal: string, audio: {transcript: string, bytes: number}|null,
 *   calls: Call[], sources: {title: string, url: string}[], finish: string|null}} Choice
 * @typedef {{message?: string, type?: string, code?: string|null, param?: string|null}} Fault
 */

/** @returns {Choice} */
function emptyChoice() {
  return { content: "", reasoning: "", refusal: "", audio: null, calls: [], sources: [], finish: null };
}

/** What an answer says, whole or as far as its chunks have come. */
export class Answer {
  constructor() {
    /** @type {Choice[]} */
    this.choices = [];
    /** @type {Record<string, any>|null} */
    this.usage = null;
    /** @type {Fault|null} */
    this.fault = null;
    /** Whether `[DONE]` came, or the whole answer. */
    this.done = false;
    this.model = "";
  }

  /**
   * @param {string} data of an event
   * @returns {boolean} whether something of the answer itself came with it
   */
  event(data) {
    if (data === "[DONE]") {
      this.done = true;
      return false;
    }
    const chunk = parsed(data);
    if (chunk === undefined) {
      this.fault = { message: data };
      return false;
    }
    return this.chunk(chunk, "delta");
  }

  /** @param {any} body of an answer that came whole */
  whole(body) {
    this.chunk(body, "message");
    this.done = this.fault === null;
  }

  /** @param {any} chunk @param {"delta"|"message"} part @returns {boolean} */
  chunk(chunk, part) {
    if (chunk?.error) {
      this.fault = typeof chunk.error === "object" ? chunk.error : { message: String(chunk.error) };
      return false;
    }
    if (typeof chunk?.model === "string") this.model = chunk.model;
    if (chunk?.usage) this.usage = chunk.usage;
    let some = false;
    for (const piece of Array.isArray(chunk?.choices) ? chunk.choices : []) {
      const index = Number.isInteger(piece?.index) && piece.index >= 0 && piece.index < 128 ? piece.index : 0;
      while (this.choices.length <= index) this.choices.push(emptyChoice());
      some = add(this.choices[index], piece?.[part] ?? {}) || some;
      if (typeof piece?.finish_reason === "string") this.choices[index].finish = piece.finish_reason;
    }
    return some;
  }
}

/** @param {string} text @returns {any} `undefined`: it is no JSON */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {unknown} value @returns {string} */
function textOf(value) {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  return value.map((part) => (typeof part?.text === "string" ? part.text : "")).join("");
}

/** @param {Choice} choice @param {any} delta @returns {boolean} whether it said anything */
function add(choice, delta) {
  const content = textOf(delta.content);
  const reasoning = textOf(delta.reasoning_content ?? delta.reasoning);
  const refusal = textOf(delta.refusal);
  choice.content += content;
  choice.reasoning += reasoning;
  choice.refusal += refusal;
  if (delta.audio) {
    choice.audio ??= { transcript: "", bytes: 0 };
    choice.audio.transcript += textOf(delta.audio.transcript);
    choice.audio.bytes += Math.floor((textOf(delta.audio.data).length * 3) / 4);
  }
  for (const note of Array.isArray(delta.annotations) ? delta.annotations : []) {
    const source = note?.url_citation;
    if (source?.url) choice.sources.push({ title: String(source.title ?? source.url), url: String(source.url) });
  }
  /** @type {any[]} */
  const calls = Array.isArray(delta.tool_calls) ? [...delta.tool_calls] : [];
  if (delta.function_call) calls.push({ index: 0, type: "function_call", function: delta.function_call });
  calls.forEach((piece, place) => addCall(choice, piece, place));
  return content !== "" || reasoning !== "" || refusal !== "" || calls.length > 0 || Boolean(delta.audio);
}

/** @param {Choice} choice @param {any} piece @param {number} place */
function addCall(choice, piece, place) {
  const index = Number.isInteger(piece?.index) && piece.index >= 0 && piece.index < 128 ? piece.index : place;
  while (choice.calls.length <= index) choice.calls.push({ id: "", type: "function", name: "", arguments: "" });
  const call = choice.calls[index];
  if (piece?.id) call.id = String(piece.id);
  if (piece?.type) call.type = String(piece.type);
  const inner = piece?.function ?? piece?.custom ?? {};
  if (call.name === "") call.name = textOf(inner.name);
  call.arguments += textOf(inner.arguments ?? inner.input);
}

/**
 * The message of an answer as the next request has it.
 * @param {Choice} choice
 * @returns {Record<string, any>}
 */
export function messageOf(choice) {
  /** @type {Record<string, any>} */
  const message = { role: "assistant", content: choice.content };
  if (choice.refusal !== "") message.refusal = choice.refusal;
  const calls = choice.calls.filter((call) => call.type !== "function_call");
  if (calls.length > 0) {
    message.tool_calls = calls.map((call) =>
      call.type === "custom"
        ? { id: call.id, type: "custom", custom: { name: call.name, input: call.arguments } }
        : { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } },
    );
    if (choice.content === "") message.content = null;
  }
  return message;
}

/**
 * Where an error's `param` points: the top-level field, and the message of it.
 * @param {string|null|undefined} param such as `messages[2].content[0].type`
 * @returns {{field: string, message: number|null}}
 */
export function placeOf(param) {
  const parts = /^([^.[]*)(?:\[(\d+)\])?/.exec(param ?? "");
  const field = parts?.[1] ?? "";
  return { field, message: field === "messages" && parts?.[2] !== undefined ? Number(parts[2]) : null };
}

/** Data URLs longer than this are shortened where they are shown. */
const SHOWN_CHARACTERS = 120;

/**
 * A value without the bulk of its data URLs, for showing.
 * @param {any} value
 * @param {string} note such as `{0} characters`
 * @returns {any}
 */
export function shortened(value, note) {
  if (typeof value === "string") {
    if (!value.startsWith("data:") || value.length <= SHOWN_CHARACTERS) return value;
    return `${value.slice(0, 48)}…(${note.replace("{0}", String(value.length))})`;
  }
  if (Array.isArray(value)) return value.map((item) => shortened(item, note));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item, note)]));
}

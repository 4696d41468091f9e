// @ts-check
// The list of requests, followed live: what comes is put where it belongs among the rows that are there.

import { Refused, api, follow, localTime, make, signInPath, word } from "./core.js";
import { count, duration, exactUsd, money, short } from "./format.js";

/** More rows than this are not kept on the page. */
const ROWS_MAX = 200;

/**
 * A request as the admin API tells it.
 * @typedef {{request_id: string, created_at: string, key_id: string, model: string, provider: string|null,
 *   upstream_model: string|null, status: number|null, error_code: string|null, prompt_tokens: number,
 *   completion_tokens: number, usage_source: string|null, charged_nanousd: number|null, first_token_ms: number|null,
 *   total_ms: number|null, repaired: boolean, hedged: boolean, flags: string[], attempts: unknown[]}} Request
 */

const button = document.querySelector("#live");
const state = document.querySelector("#live-state");
const template = document.querySelector("template#row");
const rows = document.querySelector("#rows");
const form = document.querySelector("form.filters");

if (button instanceof HTMLButtonElement && state instanceof HTMLElement && template instanceof HTMLTemplateElement && rows instanceof HTMLElement) {
  live(button, state, template, rows);
}

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} state
 * @param {HTMLTemplateElement} template
 * @param {HTMLElement} rows
 */
function live(button, state, template, rows) {
  const tail = button.dataset.tail ?? "";
  /** @type {(() => void)|null} */
  let stop = null;
  /** @type {Request[]} */
  let waiting = [];
  let missed = "";

  const say = (/** @type {string} */ text) => { state.textContent = missed === "" ? text : `${text} · ${missed}`; };

  // What came is shown with the next picture; a page that nobody sees keeps only what it can show.
  const show = () => {
    const come = waiting;
    waiting = [];
    for (const request of come) insert(rows, template, request);
    while (rows.children.length > ROWS_MAX) rows.lastElementChild?.remove();
  };
  const take = (/** @type {Request} */ request) => {
    if (waiting.length === 0) requestAnimationFrame(show);
    waiting.push(request);
    if (waiting.length > ROWS_MAX) waiting.shift();
  };

  // What came between the page and the stream, or while the stream was away.
  const catchUp = async () => {
    try {
      const list = await api("GET", tail.replace("/tail", ""));
      for (const request of [...list.data].reverse()) take(request);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) state.replaceChildren(make("a", { href: signInPath() }, word("signedOut")));
      else say(error.message);
    }
  };

  const end = () => {
    // The stream tells its end while it is stopped: by then nothing follows it any more.
    const stopped = stop;
    stop = null;
    stopped?.();
    mark(false);
  };
  const begin = () => {
    missed = "";
    mark(true);
    say(state.dataset.waiting ?? "");
    stop = follow(tail, (type, data) => {
      if (type === "request") take(data);
      if (type !== "lagged") return;
      missed = (state.dataset.missed ?? "").replace("{0}", data.missed === null ? (state.dataset.some ?? "") : count(data.missed));
      say(state.dataset.open ?? "");
    }, (now) => {
      if (now === "open") {
        say(state.dataset.open ?? "");
        void catchUp();
      } else if (now === "waiting") {
        say(state.dataset.waiting ?? "");
      } else if (stop !== null) {
        // The gateway refused: why, the list says too.
        end();
        say(state.dataset.closed ?? "");
        void catchUp();
      }
    }, ["request", "lagged"]);
  };
  /** Whether the list is live also stands in the address, and goes with the filters. @param {boolean} is */
  const mark = (is) => {
    button.setAttribute("aria-pressed", String(is));
    button.textContent = (is ? button.dataset.stop : button.dataset.start) ?? "";
    if (!is) state.textContent = "";
    const url = new URL(location.href);
    if (is) url.searchParams.set("live", "1");
    else url.searchParams.delete("live");
    history.replaceState(null, "", url);
    form?.querySelector('input[name="live"]')?.remove();
    if (!is) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "live", value: "1" });
    form?.append(field);
  };

  button.hidden = false;
  button.addEventListener("click", () => (stop ? end() : begin()));
  if (new URL(location.href).searchParams.has("live")) begin();
}

/**
 * Puts a request among the rows, newest first: ids begin with the time.
 * @param {HTMLElement} rows
 * @param {HTMLTemplateElement} template
 * @param {Request} request
 */
function insert(rows, template, request) {
  const all = /** @type {HTMLElement[]} */ ([...rows.children]);
  const after = all.find((row) => (row.dataset.id ?? "") <= request.request_id);
  if (after?.dataset.id === request.request_id) return;
  if (!after && all.length >= ROWS_MAX) return;
  const row = filled(template, request);
  rows.insertBefore(row, after ?? null);
  document.querySelector("#list")?.removeAttribute("hidden");
  document.querySelector("#empty")?.remove();
}

/**
 * @param {HTMLTemplateElement} template
 * @param {Request} request
 * @returns {HTMLElement}
 */
function filled(template, request) {
  const row = /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild);
  const at = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(`[data-at="${name}"]`));
  row.dataset.id = request.request_id;
  row.classList.add("new");

  const time = /** @type {HTMLTimeElement} */ (row.querySelector("time"));
  time.dateTime = request.created_at;
  time.title = request.created_at;
  time.textContent = localTime(new Date(request.created_at));
  at("link").setAttribute("href", `/requests/${encodeURIComponent(request.request_id)}`);

  const status = at("status");
  status.textContent = request.status === null ? "–" : String(request.status);
  const kind = badge(request);
  if (kind !== "") status.classList.add(kind);

  const model = at("model");
  model.textContent = request.model === "" ? (model.dataset.unnamed ?? "") : request.model;
  if (document.querySelector(`#models option[value="${CSS.escape(request.model)}"]`)) {
    model.setAttribute("href", `/models/${encodeURIComponent(request.model)}`);
  }
  textOrNothing(at("target"), request.provider === null ? "" : [request.provider, request.upstream_model].filter((name) => name !== null).join(" / "));
  marks(at("marks"), request);

  const key = at("key");
  key.textContent = document.querySelector(`#filter-key option[value="${CSS.escape(request.key_id)}"]`)?.textContent ?? request.key_id;
  key.setAttribute("href", `/keys/${encodeURIComponent(request.key_id)}`);

  value(at("prompt"), request.prompt_tokens, short, count);
  value(at("completion"), request.completion_tokens, short, count);
  value(at("cost"), request.charged_nanousd, (nano) => money(nano, currency()), exactUsd);
  value(at("first_token"), request.first_token_ms, duration, (ms) => `${ms} ms`);
  value(at("total"), request.total_ms, duration, (ms) => `${ms} ms`);
  return row;
}

/** @param {Request} request @returns {string} as `Row::class` says it */
function badge({ status, error_code, usage_source }) {
  if (status === null) return "";
  if (status >= 400) return status < 500 ? "warn" : "bad";
  if (error_code !== null) return "bad";
  return usage_source === "interrupted" ? "" : "good";
}

/** Leaves the marks that the request has. @param {HTMLElement} place @param {Request} request */
function marks(place, request) {
  const has = new Set(request.flags);
  if (request.attempts.length > 1) has.add("attempts");
  if (request.hedged) has.add("hedged");
  if (request.repaired) has.add("repaired");
  if (request.usage_source === "estimated") has.add("estimated");
  for (const mark of /** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll("[data-mark]"))) {
    if (!has.has(mark.dataset.mark ?? "")) mark.remove();
    else mark.textContent = (mark.textContent ?? "").replace("{0}", String(request.attempts.length));
  }
  const code = place.querySelector('[data-at="code"]');
  if (request.error_code === null) code?.remove();
  else code?.append(breakable(request.error_code));
  if (place.childElementCount === 0) place.remove();
}

/** @param {string} code @returns {HTMLElement} as `Shell::code` makes it */
function breakable(code) {
  const words = code.split(/(?<=[_.])/);
  return make("code", {}, ...words.flatMap((word, at) => (at === words.length - 1 ? [word] : [word, make("wbr")])));
}

/** @param {HTMLElement} element @param {string} text */
function textOrNothing(element, text) {
  if (text === "") element.remove();
  else element.textContent = text;
}

/**
 * A number, short, with the exact one beside it; a dash where there is none.
 * @param {HTMLElement} element
 * @param {number|null} number
 * @param {(number: number) => string} brief
 * @param {(number: number) => string} exact
 */
function value(element, number, brief, exact) {
  if (number === null) {
    element.className = "note";
    element.textContent = "–";
    return;
  }
  element.setAttribute("value", String(number));
  element.title = exact(number);
  element.textContent = brief(number);
}

/** @returns {{code: string, rate: bigint}|null} */
function currency() {
  const table = rows?.closest("table");
  const code = table?.dataset.currency ?? "";
  return code === "" ? null : { code, rate: BigInt(table?.dataset.rate ?? "0") };
}

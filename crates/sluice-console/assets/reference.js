// @ts-check
// The reference: searching calls and fields, and trying calls as a chosen key or as the session.

import { csrfToken, make } from "./core.js";
import { shortened } from "./chat.js";

/** Most fields that a search shows. */
const MATCHES = 40;
/** Most characters of an answer that are shown. */
const SHOWN_CHARACTERS = 200_000;

const found = document.querySelector(".reference");
if (found instanceof HTMLElement) start(found);

/** @param {HTMLElement} page */
function start(page) {
  ownAddress(page);
  search(page);
  reveal();
  addEventListener("hashchange", reveal);
  const form = document.querySelector("[data-try-form]");
  if (form instanceof HTMLFormElement) tries(page, form);
}

/** Samples of the admin API name the address under which the page was reached. @param {HTMLElement} page */
function ownAddress(page) {
  const usual = page.dataset.admin ?? "";
  for (const sample of page.querySelectorAll("[data-sample]")) {
    sample.textContent = (sample.textContent ?? "").replaceAll(usual, location.origin);
  }
}

/** What the address points to is opened, whatever it is inside of. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let place = target?.parentElement; place; place = place.parentElement) {
    if (place instanceof HTMLDetailsElement) place.open = true;
  }
  if (target?.closest(".calls")) target.scrollIntoView();
}

/** @param {HTMLElement} page */
function search(page) {
  const input = /** @type {HTMLInputElement} */ (page.querySelector("#reference-search"));
  const entries = /** @type {HTMLElement[]} */ ([...page.querySelectorAll("[data-entry]")]);
  const matches = /** @type {HTMLElement} */ (page.querySelector("[data-matches]"));
  const nothing = /** @type {HTMLElement} */ (page.querySelector("[data-nothing]"));
  const fields = /** @type {HTMLElement[]} */ ([...page.querySelectorAll(".fields > li")]);
  /** @param {HTMLElement} entry */
  const callOf = (entry) => document.getElementById(entry.dataset.entry ?? "");
  /** @param {HTMLElement} field */
  const nameOf = (field) => field.querySelector(".name")?.textContent ?? "";
  const look = () => {
    const words = input.value.trim().toLowerCase();
    const calls = entries.filter((entry) => {
      const call = callOf(entry);
      const text = `${entry.textContent} ${call?.dataset.method} ${call?.dataset.path} ${entry.dataset.entry}`.toLowerCase();
      const fits = words.split(/\s+/).every((word) => text.includes(word));
      entry.hidden = !fits;
      return fits;
    });
    for (const list of page.querySelectorAll(".index nav ul")) {
      const empty = [...list.children].every((entry) => entry instanceof HTMLElement && entry.hidden);
      /** @type {HTMLElement} */ (list).hidden = empty;
      const title = list.previousElementSibling;
      if (title instanceof HTMLElement) title.hidden = empty;
    }
    const named = words.length < 2 ? [] : fields.filter((field) => nameOf(field).toLowerCase().includes(words)).slice(0, MATCHES);
    matches.replaceChildren(...named.map((field) => {
      const path = field.id.split(".").slice(1, -1).join(".");
      const link = make("a", { href: `#${field.id}` }, make("code", {}, nameOf(field)));
      const call = field.closest(".call");
      return make("li", {}, link, " ", make("span", { class: "note" }, [call?.id, path].filter(Boolean).join(" · ")));
    }));
    matches.hidden = named.length === 0;
    nothing.hidden = calls.length > 0 || named.length > 0;
  };
  input.addEventListener("input", look);
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    input.focus();
  });
  look();
}

/** @param {HTMLElement} page @param {HTMLFormElement} form */
function tries(page, form) {
  /** @template {HTMLElement} [E=HTMLElement] @param {string} selector @returns {E} */
  const one = (selector) => /** @type {E} */ (form.querySelector(selector));
  const dialog = /** @type {HTMLDialogElement} */ (form.closest("dialog"));
  const body = /** @type {HTMLTextAreaElement} */ (one("#try-body"));
  const send = one("[data-try-send]");
  const stop = one("[data-try-stop]");
  /** @type {HTMLElement|null} */
  let call = null;
  /** @type {AbortController|null} */
  let running = null;

  /** @param {HTMLElement} chosen */
  const open = (chosen) => {
    call = chosen;
    const method = chosen.dataset.method ?? "GET";
    const badge = one("[data-try-method]");
    badge.textContent = method;
    badge.className = `method ${method.toLowerCase()}`;
    one("[data-try-path]").textContent = chosen.dataset.path ?? "";
    one("[data-try-as]").hidden = chosen.dataset.as !== "key";
    one("[data-try-real]").hidden = method === "GET";
    const example = chosen.querySelector("[data-request]");
    one("[data-try-body]").hidden = example === null;
    body.value = example?.textContent ?? "";
    const parameters = [...chosen.querySelectorAll("[id]")].filter((field) => /^[^.]+\.(path|query|header)\.[^.]+$/.test(field.id) && field.id.startsWith(`${chosen.id}.`));
    one("[data-try-parameters]").replaceChildren(...parameters.map((field) => {
      const [, place = "", name = ""] = field.id.split(".");
      const id = `try-${place}-${name}`;
      const needed = place === "path";
      const input = make("input", { id, "data-place": place, "data-name": name, autocomplete: "off", spellcheck: "false" });
      if (needed) input.setAttribute("required", "");
      return make("div", { class: "field" }, make("label", { for: id }, make("code", {}, name)), input);
    }));
    one("[data-try-answer]").hidden = true;
    for (const place of form.querySelectorAll(".error")) place.textContent = "";
    dialog.showModal();
  };

  /** @returns {{path: string, headers: Record<string, string>}} */
  const address = () => {
    let path = call?.dataset.path ?? "";
    /** @type {Record<string, string>} */
    const headers = { "x-csrf-token": csrfToken };
    const query = new URLSearchParams();
    for (const input of form.querySelectorAll("[data-place]")) {
      if (!(input instanceof HTMLInputElement) || input.value === "") continue;
      const name = input.dataset.name ?? "";
      if (input.dataset.place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (input.dataset.place === "query") query.set(name, input.value);
      else headers[name] = input.value;
    }
    if (call?.dataset.as === "key") headers["x-sluicegate-key-id"] = /** @type {HTMLSelectElement} */ (one("#try-key")).value;
    return { path: query.size > 0 ? `${path}?${query}` : path, headers };
  };

  const run = async () => {
    if (running || !call) return;
    const method = call.dataset.method ?? "GET";
    const { path, headers } = address();
    const error = one("[data-try-body] .error");
    error.textContent = "";
    const hasBody = !one("[data-try-body]").hidden;
    if (hasBody) {
      headers["content-type"] = "application/json";
      try {
        JSON.parse(body.value);
      } catch (reason) {
        error.textContent = (form.dataset.tNotJson ?? "").replace("{0}", reason instanceof Error ? reason.message : "");
        body.focus();
        return;
      }
    }
    running = new AbortController();
    send.hidden = true;
    stop.hidden = false;
    const text = one("[data-try-text]");
    text.textContent = "";
    one("[data-try-answer]").hidden = false;
    try {
      const response = await fetch(path, { method, headers, body: hasBody ? body.value : undefined, credentials: "same-origin", redirect: "error", signal: running.signal });
      await show(text, response);
    } catch {
      text.append(`\n${running.signal.aborted ? form.dataset.tStopped : form.dataset.tUnreachable}`);
    } finally {
      running = null;
      send.hidden = false;
      stop.hidden = true;
    }
  };

  page.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-try]") : null;
    const chosen = button?.closest(".call");
    if (chosen instanceof HTMLElement) open(chosen);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });
  stop.addEventListener("click", () => running?.abort());
  dialog.addEventListener("close", () => running?.abort());
}

/** An answer as it comes: a stream piece by piece, JSON in lines. @param {HTMLElement} place @param {Response} response */
async function show(place, response) {
  place.textContent = `HTTP ${response.status}\n${[...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n`;
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  const streams = response.headers.get("content-type")?.startsWith("text/event-stream");
  let text = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    const more = decoder.decode(value, { stream: !done });
    text += more;
    if (streams && text.length < SHOWN_CHARACTERS) place.append(more);
    if (done) break;
  }
  if (streams) return;
  try {
    text = JSON.stringify(shortened(JSON.parse(text), "{0}"), null, 2);
  } catch {
    // What is no JSON is shown as it is.
  }
  place.append(text.slice(0, SHOWN_CHARACTERS));
}

// @ts-check
// What every page has: calls of the admin API, forms that become JSON, dialogs, copying, times in the viewer's zone,
// theme, hovering over charts. Markup says what is wanted by `data-*` attributes; nothing here makes markup of a text.

import { fieldsOf, nest, toJson } from "./values.js";

/** What the API refused. */
export class Refused extends Error {
  /** @param {number} status @param {{message?: string, code?: string|null, param?: string|null}} error */
  constructor(status, error) {
    super(error.message ?? String(status));
    this.status = status;
    this.code = error.code ?? null;
    this.param = error.param ?? null;
  }
}

const meta = /** @type {HTMLMetaElement|null} */ (document.querySelector('meta[name="csrf-token"]'));
const toasts = /** @type {HTMLElement} */ (document.querySelector("#toasts"));

/** The session's token, for calls that `api` does not make. */
export const csrfToken = meta?.content ?? "";

/** @param {string} word @returns {string} a word of the shell in the language of the page */
export function word(word) {
  return toasts.dataset[word] ?? "";
}

/**
 * Calls the admin API.
 * @param {string} method
 * @param {string} path with its query
 * @param {unknown} [body] sent as JSON; a BigInt becomes an integer
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>} the answer's JSON; `null` where there is none
 * @throws {Refused}
 */
export async function api(method, path, body, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json", "x-csrf-token": csrfToken };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      redirect: "error",
      body: body === undefined ? undefined : toJson(body),
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(0, { message: word("unreachable") });
  }
  const text = await response.text();
  /** @type {any} */
  let answer = null;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    throw new Refused(response.status, { message: `${response.status} ${response.statusText}` });
  }
  if (response.ok) return answer;
  throw new Refused(response.status, answer?.error ?? {});
}

/**
 * Says something at the corner of the page, and takes it away again.
 * @param {string} text
 * @param {"good"|"bad"} [kind]
 */
export function toast(text, kind = "good") {
  const element = make("div", { class: `toast ${kind}` }, text);
  toasts.append(element);
  setTimeout(() => element.remove(), kind === "bad" ? 9000 : 3000);
}

/**
 * Builds an element. Children are nodes, or texts that stay texts.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Forms ------------------------------------------------------------------------------------------------------------

/**
 * `data-api="POST /admin/v1/keys"` as its two words.
 * @param {HTMLElement} element
 * @returns {[string, string]}
 */
function callOf(element) {
  const [method = "GET", path = ""] = (element.dataset.api ?? "").split(" ");
  return [method, path];
}

/**
 * Says what is wrong, at the field that it is about.
 * @param {HTMLFormElement} form
 * @param {string|null} param the field's name; `null`: the whole form
 * @param {string} text
 */
export function refuse(form, param, text) {
  const named = param === null ? null : fieldNamed(form, param);
  const place = named?.closest(".field, .check, fieldset")?.querySelector(".error");
  if (!named || !place) {
    const summary = form.querySelector(".form-error");
    if (summary) summary.textContent = text;
    else toast(text, "bad");
    return;
  }
  place.textContent = text;
  place.id ||= `error-${Math.random().toString(36).slice(2)}`;
  named.setAttribute("aria-invalid", "true");
  named.setAttribute("aria-describedby", place.id);
  named.focus();
}

/**
 * The control that an error is about: of that name, or of the nearest name around it.
 * @param {HTMLFormElement} form
 * @param {string} param
 * @returns {HTMLElement|null}
 */
function fieldNamed(form, param) {
  for (let name = param; name !== ""; name = name.replace(/(\.[^.[]*|\[\d+\]|^[^.[]*)$/, "")) {
    for (const control of form.elements) {
      if (control instanceof HTMLElement && control.getAttribute("name") === name) return control;
    }
  }
  return null;
}

/** @param {HTMLFormElement} form */
function clearErrors(form) {
  for (const place of form.querySelectorAll(".error, .form-error")) place.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

/**
 * The JSON of a form: of a PATCH only what was changed.
 * @param {HTMLFormElement} form
 * @returns {Record<string, any>}
 * @throws {Refused} about a field whose text is no value of its type
 */
export function bodyOf(form) {
  const [method] = callOf(form);
  const read = fieldsOf(form, method === "PATCH");
  if (read.wrong) throw new Refused(0, { message: read.wrong.text, param: read.wrong.name });
  return nest(read.entries);
}

/** @param {HTMLFormElement} form @param {HTMLElement|null} submitter */
async function submit(form, submitter) {
  if (form.getAttribute("aria-busy") === "true") return;
  clearErrors(form);
  form.setAttribute("aria-busy", "true");
  submitter?.setAttribute("aria-busy", "true");
  const [method, path] = callOf(form);
  try {
    const answer = await api(method, path, method === "DELETE" ? undefined : bodyOf(form));
    done(form, answer);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (signedOut(error)) return;
    refuse(form, error.param, error.message || word("failed"));
    form.dispatchEvent(new CustomEvent("api:refused", { detail: error, bubbles: true }));
  } finally {
    form.removeAttribute("aria-busy");
    submitter?.removeAttribute("aria-busy");
  }
}

/** @returns {string} where to sign in again, and come back here */
export function signInPath() {
  return `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** @param {Refused} error @returns {boolean} whether the session is over: the page goes to sign in again */
export function signedOut(error) {
  if (error.status !== 401) return false;
  toast(word("signedOut"), "bad");
  location.assign(signInPath());
  return true;
}

/**
 * What comes after a call: the event `api:done`, whose listeners may prevent the rest; a secret that is shown once;
 * another page (`data-next="/keys/{id}"`, filled from the answer); or this page again.
 * @param {HTMLElement} element
 * @param {any} answer
 */
function done(element, answer) {
  const event = new CustomEvent("api:done", { detail: answer, bubbles: true, cancelable: true });
  if (!element.dispatchEvent(event)) return;
  const panel = element.dataset.secret ? document.getElementById(element.dataset.secret) : null;
  if (panel && answer && typeof answer.secret === "string") return showSecret(element, panel, answer);
  const next = element.dataset.next;
  if (next === undefined) return location.reload();
  location.assign(next.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer?.[name] ?? "")));
}

/**
 * Puts the answer's texts into the places that name them (`data-of="secret"`), and shows the panel instead of the form.
 * @param {HTMLElement} element
 * @param {HTMLElement} panel
 * @param {Record<string, any>} answer
 */
function showSecret(element, panel, answer) {
  for (const place of panel.querySelectorAll("[data-of]")) {
    if (!(place instanceof HTMLElement)) continue;
    const value = String(answer[place.dataset.of ?? ""] ?? "");
    if (place instanceof HTMLAnchorElement) place.href = (place.dataset.href ?? "").replace("{}", encodeURIComponent(value));
    else if (place.dataset.text) place.textContent = place.dataset.text.replace("{}", value);
    else place.textContent = value;
  }
  element.hidden = true;
  panel.hidden = false;
  panel.focus();
  // Leaving the dialog shows the list with the new one in it.
  panel.closest("dialog")?.addEventListener("close", () => location.reload(), { once: true });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.api === undefined) return;
  event.preventDefault();
  void submit(form, event.submitter);
});

// Buttons ----------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = /** @type {HTMLElement|null} */ (target?.closest("[data-dialog], [data-close], [data-copy], [data-add], [data-remove], button[data-api], [data-themes] button"));
  if (!button) return;
  if (button.dataset.dialog !== undefined) openDialog(button.dataset.dialog);
  else if (button.dataset.close !== undefined) button.closest("dialog")?.close();
  else if (button.dataset.copy !== undefined) void copy(button);
  else if (button.dataset.add !== undefined) addRow(button.dataset.add);
  else if (button.dataset.remove !== undefined) removeRow(button);
  else if (button.dataset.api !== undefined) void press(button);
  else chooseTheme(event, button);
});

/** @param {string} id */
export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  dialog.showModal();
  // Who opens a dialog wants to write in it, not to close it.
  /** @type {HTMLElement|null} */ (dialog.querySelector("form :is(input, select, textarea):not([type=hidden])"))?.focus();
}

/** A button that calls at once, such as `data-api="DELETE /admin/v1/…"`. @param {HTMLElement} button */
async function press(button) {
  if (button.getAttribute("aria-busy") === "true") return;
  if (button.dataset.confirm !== undefined && !confirm(button.dataset.confirm)) return;
  button.setAttribute("aria-busy", "true");
  const [method, path] = callOf(button);
  try {
    const body = button.dataset.body === undefined ? undefined : JSON.parse(button.dataset.body);
    done(button, await api(method, path, method === "DELETE" ? undefined : (body ?? {})));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!signedOut(error)) toast(error.message || word("failed"), "bad");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Copies the text of the element with the id in `data-copy`; without one, of the block around. @param {HTMLElement} button */
async function copy(button) {
  const id = button.dataset.copy ?? "";
  const source = id === "" ? button.parentElement?.querySelector("pre, output, code") : document.getElementById(id);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    toast(word("copied"));
  } catch {
    // Without the right to the clipboard the text is at least marked.
    getSelection()?.selectAllChildren(source);
  }
}

/** Adds a row of a list from `<template id>` to the element before it. @param {string} id */
function addRow(id) {
  const template = document.getElementById(id);
  if (!(template instanceof HTMLTemplateElement)) return;
  const list = template.parentElement;
  list?.insertBefore(template.content.cloneNode(true), template);
  if (list) renumber(list);
  const added = template.previousElementSibling;
  /** @type {HTMLElement|null|undefined} */ (added?.querySelector("input, select, textarea"))?.focus();
}

/** @param {HTMLElement} button */
function removeRow(button) {
  const row = button.closest("[data-row]");
  const list = row?.parentElement;
  row?.remove();
  if (list) renumber(list);
}

/** Names such as `targets[0].model` follow the order of the rows. @param {Element} list */
function renumber(list) {
  const rows = [...list.children].filter((child) => child instanceof HTMLElement && child.dataset.row !== undefined);
  rows.forEach((row, index) => {
    for (const control of row.querySelectorAll("[name], [for], [id]")) {
      for (const attribute of ["name", "for", "id"]) {
        const value = control.getAttribute(attribute);
        if (value !== null) control.setAttribute(attribute, value.replace(/\[\d*\]/, `[${index}]`));
      }
    }
  });
  list.closest("form")?.dispatchEvent(new Event("change", { bubbles: true }));
}

/** @param {Event} event @param {HTMLElement} button */
function chooseTheme(event, button) {
  event.preventDefault();
  const theme = button.getAttribute("value") ?? "system";
  document.documentElement.dataset.theme = theme;
  document.cookie = `sluicegate_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  for (const other of button.parentElement?.querySelectorAll("button") ?? []) {
    other.setAttribute("aria-pressed", String(other === button));
  }
}

// Tabs: sections that stand one below the other until this makes tabs of them -------------------------------------------

/** @param {HTMLElement} group with children that have `data-tab`, their title */
function makeTabs(group) {
  const sections = /** @type {HTMLElement[]} */ ([...group.children].filter((child) => child instanceof HTMLElement && child.dataset.tab !== undefined));
  const list = make("div", { class: "tabs", role: "tablist" });
  const tabs = sections.map((section, index) => {
    section.id ||= `${group.id}-${index}`;
    section.setAttribute("role", "tabpanel");
    section.querySelector(":scope > .tab-title")?.remove();
    const tab = make("button", { type: "button", role: "tab", id: `${section.id}-tab`, "aria-controls": section.id }, section.dataset.tab ?? "");
    section.setAttribute("aria-labelledby", tab.id);
    list.append(tab);
    return tab;
  });
  /** @param {number} chosen */
  const choose = (chosen) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      sections[index].hidden = index !== chosen;
    });
  };
  tabs.forEach((tab, index) => tab.addEventListener("click", () => choose(index)));
  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const at = (tabs.findIndex((tab) => tab === document.activeElement) + step + tabs.length) % tabs.length;
    choose(at);
    tabs[at].focus();
  });
  group.prepend(list);
  choose(0);
}

// Times ------------------------------------------------------------------------------------------------------------

const two = (/** @type {number} */ number) => String(number).padStart(2, "0");

/** @param {Date} date @param {boolean} [seconds] @returns {string} as the server writes times, in the viewer's zone */
export function localTime(date, seconds = true) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minute = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${day} ${minute}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

/** @param {ParentNode} root */
export function showLocalTimes(root) {
  for (const element of root.querySelectorAll("time[data-local]")) {
    const date = new Date(element.getAttribute("datetime") ?? "");
    if (!Number.isNaN(date.getTime())) element.textContent = localTime(date, element.getAttribute("data-local") !== "minute");
  }
}

/** Fields of local time get their value from the moment that they stand for. */
function fillLocalFields() {
  for (const input of document.querySelectorAll("input[type=datetime-local][data-moment]")) {
    if (!(input instanceof HTMLInputElement) || !input.dataset.moment) continue;
    const date = new Date(input.dataset.moment);
    if (!Number.isNaN(date.getTime())) input.defaultValue = localTime(date, false).replace(" ", "T");
  }
}

/** Forms of filters send moments with their offset. @param {FormDataEvent} event */
function sendMoments(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "get") return;
  for (const input of form.querySelectorAll("input[type=datetime-local]")) {
    if (!(input instanceof HTMLInputElement) || input.value === "" || input.name === "") continue;
    event.formData.set(input.name, new Date(input.value).toISOString().replace(".000Z", "Z"));
  }
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
}

// Charts -----------------------------------------------------------------------------------------------------------

/** What a place of a chart says, beside the pointer. @param {HTMLElement} chart */
function followPointer(chart) {
  const tip = make("div", { class: "tip", hidden: "" });
  chart.append(tip);
  /** @type {Element|null} */
  let shown = null;
  const leave = () => {
    shown?.classList.remove("on");
    shown = null;
    tip.hidden = true;
  };
  /** @param {Event} event */
  const follow = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const hit = target?.matches(".hit") ? target : (target?.querySelector(".hit") ?? null);
    if (hit === shown) return;
    leave();
    const text = hit?.getAttribute("data-tip");
    if (!hit || !text) return;
    shown = hit;
    hit.classList.add("on");
    const [title = "", ...rows] = text.split("\n");
    const body = make("tbody");
    for (const row of rows) {
      const [name = "", value = "", colour = ""] = row.split("\t");
      const cell = make("td", {}, ...(colour === "" ? [] : [make("i", { class: `dot s${colour}` })]), name);
      body.append(make("tr", {}, cell, make("td", { class: "number" }, value)));
    }
    tip.replaceChildren(make("div", { class: "note" }, title), make("table", {}, body));
    tip.hidden = false;
    const around = chart.getBoundingClientRect();
    const place = hit.getBoundingClientRect();
    const middle = place.left + place.width / 2 - around.left;
    const left = middle > around.width / 2 ? middle - tip.offsetWidth - 12 : middle + 12;
    tip.style.left = `${Math.max(0, Math.min(left, around.width - tip.offsetWidth))}px`;
  };
  chart.addEventListener("pointermove", follow);
  chart.addEventListener("focusin", follow);
  chart.addEventListener("pointerleave", leave);
  chart.addEventListener("focusout", leave);
}

// Streams of events ------------------------------------------------------------------------------------------------

/**
 * Follows server-sent events of the admin API until it is stopped; the browser connects again by itself.
 * @param {string} path
 * @param {(type: string, data: any) => void} each
 * @param {(state: "open"|"waiting"|"closed") => void} [state]
 * @param {string[]} [types] of events beside `message`
 * @returns {() => void} stops it
 */
export function follow(path, each, state = () => {}, types = []) {
  const source = new EventSource(path);
  const take = (/** @type {MessageEvent} */ event) => each(event.type, JSON.parse(event.data));
  for (const type of ["message", ...types]) source.addEventListener(type, take);
  source.addEventListener("open", () => state("open"));
  source.addEventListener("error", () => state(source.readyState === EventSource.CLOSED ? "closed" : "waiting"));
  addEventListener("pagehide", () => source.close(), { once: true });
  return () => {
    source.close();
    state("closed");
  };
}

// ------------------------------------------------------------------------------------------------------------------

document.cookie = `sluicegate_zone=${-new Date().getTimezoneOffset()}; path=/; max-age=31536000; samesite=lax`;
showLocalTimes(document);
fillLocalFields();
addEventListener("formdata", sendMoments);
for (const group of document.querySelectorAll("[data-tabs]")) if (group instanceof HTMLElement) makeTabs(group);
for (const chart of document.querySelectorAll(".chart")) if (chart instanceof HTMLElement) followPointer(chart);
for (const choice of document.querySelectorAll("select[data-submit]")) {
  choice.addEventListener("change", () => /** @type {HTMLSelectElement} */ (choice).form?.requestSubmit());
}
if (location.hash.length > 1 && document.getElementById(location.hash.slice(1)) instanceof HTMLDialogElement) {
  openDialog(location.hash.slice(1));
  // Loaded again, the page is the page.
  history.replaceState(history.state, "", location.pathname + location.search);
}

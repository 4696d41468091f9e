// @ts-check
// What a change of a model would do, before it is done.

import { Refused, api, bodyOf, make, refuse, signedOut, word } from "./core.js";
import { dollars } from "./values.js";

/**
 * The leaves of a value by their paths; lists are leaves.
 * @param {any} value
 * @param {string} [path]
 * @returns {Map<string, unknown>}
 */
function leaves(value, path = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return new Map([[path, value]]);
  return new Map(Object.entries(value).flatMap(([key, item]) => [...leaves(item, path === "" ? key : `${path}.${key}`)]));
}

/** @param {unknown} value @returns {boolean} */
const isNothing = (value) => value === null || value === undefined || value === "";

/** @param {any} target @returns {string} */
function targetText(target) {
  const more = [target.context_length, target.max_output_tokens, target.capabilities?.join("+")].filter((item) => !isNothing(item));
  return [`${target.priority ?? 0}: ${target.provider}/${target.model} ×${target.weight ?? 1}`, ...more].join(" · ");
}

/** @param {string} path @param {unknown} value @returns {string} */
function text(path, value) {
  if (isNothing(value)) return "–";
  if (path.includes("nanousd") && (typeof value === "number" || typeof value === "bigint")) return `$${dollars(value)}`;
  if (Array.isArray(value)) return value.map((item) => (item !== null && typeof item === "object" ? targetText(item) : String(item))).join("\n");
  return String(value);
}

/** What the form calls a field. @param {HTMLFormElement} form @param {string} path @returns {string} */
function labelOf(form, path) {
  const control = form.elements.namedItem(path);
  const own = control instanceof HTMLElement ? form.querySelector(`label[for="${CSS.escape(control.id)}"]`)?.textContent : null;
  const list = form.querySelector(`[data-list="${CSS.escape(path)}"]`)?.closest("fieldset")?.querySelector("legend")?.textContent;
  return own ?? list ?? path;
}

/** @param {HTMLFormElement} form @param {HTMLElement} place @param {any} answer */
function show(form, place, answer) {
  const before = leaves(answer.before ?? {});
  const after = leaves(answer.after ?? {});
  const rows = [...new Set([...before.keys(), ...after.keys()])].flatMap((path) => {
    const [was, is] = [text(path, before.get(path)), text(path, after.get(path))];
    if (was === is || path === "origin") return [];
    return [make("tr", {}, make("th", { scope: "row" }, labelOf(form, path)), make("td", { class: "was" }, was), make("td", {}, is))];
  });
  const warnings = /** @type {string[]} */ (answer.warnings ?? []).map((warning) => make("p", { class: "notice warn", lang: "en" }, warning));
  const body = rows.length === 0 ? make("p", { class: "note" }, place.dataset.nothing ?? "") : make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, ...rows)));
  place.replaceChildren(make("h3", {}, place.dataset.title ?? ""), body, ...warnings);
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLFormElement} form @param {HTMLElement} button */
async function preview(form, button) {
  const place = form.querySelector(".preview");
  const [method = "", path = ""] = (form.dataset.api ?? "").split(" ");
  if (!(place instanceof HTMLElement)) return;
  refuse(form, null, "");
  button.setAttribute("aria-busy", "true");
  try {
    show(form, place, await api(method, `${path}?dry_run=true`, bodyOf(form)));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (signedOut(error)) return;
    place.hidden = true;
    refuse(form, error.param, error.message || word("failed"));
  } finally {
    button.removeAttribute("aria-busy");
  }
}

for (const button of document.querySelectorAll("button[data-preview]")) {
  const form = button.closest("form");
  if (!form || !(button instanceof HTMLElement)) continue;
  button.addEventListener("click", () => {
    if (form.reportValidity()) void preview(form, button);
  });
  // What was shown is no longer what would come of it.
  form.addEventListener("input", () => {
    const place = form.querySelector(".preview");
    if (place instanceof HTMLElement) place.hidden = true;
  });
}

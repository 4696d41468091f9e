// @ts-check
// Connecting a provider: the fields of its kind, and a model that is offered at once. Testing one, and offering what it
// says it has.

import { Refused, api, make, refuse, signedOut, toast, word } from "./core.js";

/** Most models that are shown at once. */
const SHOWN = 100;

/** @param {string} provider @param {string} model @returns {Promise<any>} */
function offer(provider, model) {
  return api("POST", "/admin/v1/models", { name: model, targets: [{ provider, model }] });
}

/** @param {string} name */
const pathOf = (name) => `/models/${encodeURIComponent(name)}`;

// The form ----------------------------------------------------------------------------------------------------------

/** @param {HTMLFormElement} form */
function followKind(form) {
  const kind = form.elements.namedItem("kind");
  const name = form.elements.namedItem("name");
  const url = form.elements.namedItem("base_url");
  if (!(kind instanceof HTMLSelectElement) || !(name instanceof HTMLInputElement) || !(url instanceof HTMLInputElement)) return;
  let named = false;
  name.addEventListener("input", () => {
    named = name.value !== "";
  });
  const show = () => {
    const chosen = kind.selectedOptions[0];
    if (!chosen) return;
    const fields = (chosen.dataset.fields ?? "").split(" ");
    for (const place of form.querySelectorAll("[data-field]")) {
      if (!(place instanceof HTMLElement)) continue;
      place.hidden = !fields.includes(place.dataset.field ?? "");
      for (const control of place.querySelectorAll("input, textarea")) /** @type {HTMLInputElement} */ (control).disabled = place.hidden;
    }
    const needed = chosen.dataset.needsUrl !== undefined;
    url.required = needed;
    url.placeholder = chosen.dataset.url || (needed ? "https://…/v1" : "");
    const hint = url.parentElement?.querySelector(".hint");
    if (hint instanceof HTMLElement) hint.hidden = needed;
    if (!named) name.value = kind.value;
  };
  kind.addEventListener("change", show);
  show();
}

/**
 * What comes after a provider is there: the model, then the next page. Where only the model is refused the form goes on
 * with it alone.
 * @param {HTMLFormElement} form
 * @param {string} provider
 */
async function connected(form, provider) {
  const field = form.elements.namedItem("model");
  const model = field instanceof HTMLInputElement ? field.value.trim() : "";
  try {
    if (model !== "") await offer(provider, model);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    for (const control of form.querySelectorAll("input, select, textarea")) {
      if (control !== field) /** @type {HTMLInputElement} */ (control).disabled = true;
    }
    form.dataset.connected = provider;
    refuse(form, "model", error.message || word("failed"));
    return;
  }
  location.assign((form.dataset.next ?? "/providers/{name}").replace("{name}", encodeURIComponent(provider)));
}

// Testing -----------------------------------------------------------------------------------------------------------

/** @param {HTMLFormElement} form @param {any} answer */
function tested(form, answer) {
  const place = form.parentElement?.querySelector(".outcome");
  if (!place) return;
  const error = answer?.error ?? null;
  const seconds = `${answer?.latency_ms ?? "–"} ms`;
  const line = make(
    "p",
    {},
    make("span", { class: `badge ${error ? "bad" : "good"}` }, (error ? form.dataset.bad : form.dataset.good) ?? ""),
    ` ${answer?.status ?? "–"} · ${seconds} · `,
    make("code", {}, String(answer?.model ?? "")),
  );
  const children = [line];
  if (error) {
    const code = [error.type, error.code, error.param].filter((part) => typeof part === "string" && part !== "").join(" · ");
    if (code !== "") children.push(make("p", {}, make("code", {}, code)));
    children.push(make("p", { class: "said", lang: "en" }, String(error.message ?? "")));
  }
  place.replaceChildren(...children);
}

// Models that it has --------------------------------------------------------------------------------------------------

/** @typedef {{id: string, label: string|null}} Found */

/** @param {HTMLElement} place @param {string} model @param {Record<string, string>} offered @returns {HTMLElement} */
function rowOf(place, model, offered) {
  const state = make("span");
  const as = (/** @type {string} */ text, /** @type {string} */ name) => {
    state.replaceChildren(make("span", { class: "note" }, `${text} `), make("a", { href: pathOf(name) }, name));
  };
  const known = offered[model];
  if (known !== undefined) {
    as(place.dataset.as ?? "", known);
    return state;
  }
  const button = make("button", { type: "button", class: "small", "aria-label": `${place.dataset.offer ?? ""} ${model}` }, place.dataset.offer ?? "");
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      await offer(place.dataset.provider ?? "", model);
      offered[model] = model;
      as(place.dataset.as ?? "", model);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (signedOut(error)) return;
      if (error.code === "name_taken") as(place.dataset.taken ?? "", model);
      else toast(error.message || word("failed"), "bad");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  state.append(button);
  return state;
}

/** @param {HTMLElement} place @param {Found[]} models */
function showModels(place, models) {
  const found = place.querySelector(".found");
  if (!found) return;
  if (models.length === 0) {
    found.replaceChildren(make("p", { class: "note" }, place.dataset.none ?? ""));
    return;
  }
  /** @type {Record<string, string>} */
  const offered = Object.assign(Object.create(null), JSON.parse(place.dataset.offered || "{}"));
  const list = make("ul", { class: "rows" });
  const note = make("p", { class: "note" });
  const search = /** @type {HTMLInputElement} */ (make("input", { type: "search", "aria-label": place.dataset.find ?? "", placeholder: place.dataset.find ?? "", autocomplete: "off", spellcheck: "false" }));
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter((part) => part !== "");
    const matching = models.filter(({ id, label }) => words.every((part) => `${id} ${label ?? ""}`.toLowerCase().includes(part)));
    list.replaceChildren(
      ...matching.slice(0, SHOWN).map(({ id, label }) => make("li", {}, make("code", {}, id), ...(label ? [make("span", { class: "note" }, label)] : []), rowOf(place, id, offered))),
    );
    const more = matching.length - SHOWN;
    note.textContent = more > 0 ? (place.dataset.more ?? "{0}").replace("{0}", String(more)) : "";
  };
  search.addEventListener("input", show);
  found.replaceChildren(...(models.length > 8 ? [search] : []), list, note);
  show();
}

/** @param {HTMLElement} place @param {HTMLElement} button */
async function askModels(place, button) {
  const found = place.querySelector(".found");
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await api("GET", button.dataset.listModels ?? "");
    showModels(place, answer?.data ?? []);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (signedOut(error)) return;
    found?.replaceChildren(make("p", { class: "notice bad", lang: "en" }, error.message || word("failed")));
  } finally {
    button.removeAttribute("aria-busy");
  }
}

// ------------------------------------------------------------------------------------------------------------------

document.addEventListener("api:done", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !(event instanceof CustomEvent)) return;
  if (form.dataset.connect !== undefined) {
    event.preventDefault();
    void connected(form, String(event.detail?.name ?? ""));
  } else if (form.dataset.test !== undefined) {
    event.preventDefault();
    tested(form, event.detail);
  }
});

// A provider that is there already is not made again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  if (form.dataset.connected !== undefined) {
    event.preventDefault();
    event.stopImmediatePropagation();
    void connected(form, form.dataset.connected);
    return;
  }
  const place = form.closest(".offers");
  if (form.dataset.offerOne === undefined || !(place instanceof HTMLElement)) return;
  event.preventDefault();
  const field = form.elements.namedItem("model");
  if (!(field instanceof HTMLInputElement) || field.value.trim() === "") return;
  showModels(place, [{ id: field.value.trim(), label: null }]);
  /** @type {HTMLElement|null} */ (place.querySelector(".found button"))?.click();
}, { capture: true });

for (const form of document.querySelectorAll("form[data-connect]")) if (form instanceof HTMLFormElement) followKind(form);
for (const button of document.querySelectorAll("button[data-list-models]")) {
  const place = button.closest(".offers");
  if (button instanceof HTMLElement && place instanceof HTMLElement) button.addEventListener("click", () => void askModels(place, button));
}

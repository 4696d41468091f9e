// @ts-check
// The limits of single models: rows of fields over the JSON that the form sends.

import { make } from "./core.js";

const LIMITS = /** @type {const} */ (["rpm", "tpm", "parallel", "max_output_tokens"]);

/** @param {HTMLFieldSetElement} group */
function rowsOf(group) {
  const source = group.querySelector("textarea");
  const adder = group.querySelector("[data-add-model]");
  if (!source || !(adder instanceof HTMLButtonElement)) return;
  /** @type {Record<string, Record<string, number>>} */
  const before = JSON.parse(source.defaultValue || "{}");
  const words = [group.dataset.rpm, group.dataset.tpm, group.dataset.parallel, group.dataset.output];

  /** What the rows say; a model whose row is gone is `null`, as the API takes models away. */
  const write = () => {
    /** @type {Record<string, Record<string, number|null>|null>} */
    const now = {};
    for (const model of Object.keys(before)) now[model] = null;
    for (const row of group.querySelectorAll("[data-model-row]")) {
      const [name, ...fields] = [...row.querySelectorAll("input")];
      if (name.value.trim() === "") continue;
      const numbers = fields.map((field) => field.value.replace(/[,_ ]/g, ""));
      const wrong = fields.find((_, index) => !/^\d*$/.test(numbers[index]));
      fields.forEach((field) => field.setCustomValidity(field === wrong ? (source.dataset.wrong ?? "?") : ""));
      now[name.value.trim()] = Object.fromEntries(LIMITS.map((limit, index) => [limit, numbers[index] === "" ? null : Number(numbers[index])]));
    }
    const same = JSON.stringify(plain(now)) === JSON.stringify(plain(before));
    source.value = same ? source.defaultValue : JSON.stringify(now);
  };

  /** @param {string} model @param {Record<string, number|null>} limits */
  const add = (model, limits) => {
    const field = (/** @type {string} */ label, /** @type {string} */ value, /** @type {string} */ mode) => {
      const input = /** @type {HTMLInputElement} */ (make("input", { inputmode: mode, autocomplete: "off", spellcheck: "false" }));
      input.value = value;
      input.addEventListener("input", write);
      return make("label", { class: "field" }, make("span", { class: "label" }, label), input);
    };
    const numbers = LIMITS.map((limit, index) => field(words[index] ?? limit, limits[limit] == null ? "" : String(limits[limit]), "numeric"));
    const remove = make("button", { type: "button", class: "small" }, group.dataset.removeWord ?? "");
    const row = make("div", { class: "pair", "data-model-row": "", "data-skip": "" }, field(group.dataset.ofModel ?? "", model, "text"), ...numbers, remove);
    remove.addEventListener("click", () => {
      row.remove();
      write();
      adder.focus();
    });
    group.insertBefore(row, adder.parentElement);
    return row;
  };

  for (const [model, limits] of Object.entries(before)) add(model, limits);
  adder.addEventListener("click", () => add("", {}).querySelector("input")?.focus());
}

/** Without what is empty, in the order of names. @param {Record<string, Record<string, number|null>|null>} all */
function plain(all) {
  return Object.entries(all)
    .filter(([, limits]) => limits !== null)
    .map(([model, limits]) => [model, LIMITS.map((limit) => limits?.[limit] ?? null)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

for (const group of document.querySelectorAll("fieldset.model-limits")) if (group instanceof HTMLFieldSetElement) rowsOf(group);

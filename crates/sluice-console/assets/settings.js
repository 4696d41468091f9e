// @ts-check
// Settings have dots in their names: what was changed is sent by whole names, and one that was emptied goes back to
// what holds without it.

import { Refused, api, refuse, signedOut, word } from "./core.js";
import { fieldsOf, nest } from "./values.js";

/**
 * What is sent: a setting whose value is an object comes whole, or is taken away with its first field.
 * @param {HTMLFormElement} form
 * @returns {Record<string, unknown>}
 * @throws {Refused} about a field whose text is no value of its type
 */
function changes(form) {
  const { entries, wrong } = fieldsOf(form, true);
  if (wrong) throw new Refused(0, { message: wrong.text, param: wrong.name });
  /** @type {Record<string, unknown>} */
  const body = {};
  for (const { name, value } of entries) {
    const control = form.elements.namedItem(name);
    const setting = control instanceof HTMLElement ? /** @type {HTMLElement|null} */ (control.closest("[data-setting]"))?.dataset.setting : undefined;
    if (setting === undefined || !(control instanceof HTMLElement)) continue;
    if (setting === name) {
      body[name] = value;
      continue;
    }
    const group = control.closest("fieldset");
    const all = fieldsOf(form, false).entries.filter((entry) => entry.name.startsWith(`${setting}.`));
    const first = group?.querySelector("input");
    body[setting] = first instanceof HTMLInputElement && first.value.trim() === "" ? null : nest(all.map((entry) => ({ ...entry, name: entry.name.slice(setting.length + 1) })));
  }
  return body;
}

/** @param {HTMLFormElement} form @param {HTMLElement|null} button */
async function save(form, button) {
  for (const place of form.querySelectorAll(".error, .form-error")) place.textContent = "";
  button?.setAttribute("aria-busy", "true");
  try {
    await api("PATCH", form.dataset.settings ?? "", changes(form));
    location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (signedOut(error)) return;
    refuse(form, error.param, error.message || word("failed"));
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

for (const form of document.querySelectorAll("form[data-settings]")) {
  if (!(form instanceof HTMLFormElement)) continue;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void save(form, event.submitter);
  });
}

// @ts-check
// From the texts of a form to the values of the API, and to JSON. Nothing here touches the page: money is counted in
// integers by its digits, never by floats.

/** Nano-dollars of a dollar have this many digits. */
const NANO_DIGITS = 9;
/** The largest integer of the API's money. */
const MONEY_MAX = 9223372036854775807n;

/**
 * Nano-dollars of a text such as `12.50`, `$1,234` or `0.000000001`.
 * @param {string} text
 * @returns {bigint|null} `null`: no such amount
 */
export function nanoDollars(text) {
  const plain = text.trim().replace(/^\$\s*/, "").replace(/,(?=\d{3}(\D|$))/g, "");
  const parts = /^(\d*)(?:\.(\d*))?$/.exec(plain);
  if (!parts || plain === "" || plain === ".") return null;
  const [, whole = "", fraction = ""] = parts;
  if (fraction.length > NANO_DIGITS && /[1-9]/.test(fraction.slice(NANO_DIGITS))) return null;
  const digits = whole + fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, "0");
  const value = BigInt(digits);
  return value <= MONEY_MAX ? value : null;
}

/**
 * The text that `nanoDollars` reads.
 * @param {bigint|number} nano
 * @returns {string}
 */
export function dollars(nano) {
  const value = BigInt(nano);
  const digits = (value < 0n ? -value : value).toString().padStart(NANO_DIGITS + 1, "0");
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -NANO_DIGITS)}.${fraction}`;
}

/**
 * JSON in which a BigInt is an integer.
 * @param {unknown} value
 * @returns {string}
 */
export function toJson(value) {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => toJson(item === undefined ? null : item)).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const rows = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${rows.map(([key, item]) => `${JSON.stringify(key)}:${toJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/**
 * A value by its type and text. An empty text is `null`.
 * @param {string} type `text`, `integer`, `number`, `money`, `list`, `json`, `moment`
 * @param {string} text
 * @returns {unknown} `undefined`: the text is no such value
 */
export function valueOf(type, text) {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  switch (type) {
    case "integer":
      return /^-?[\d,_ ]+$/.test(trimmed) ? BigInt(trimmed.replace(/[,_ ]/g, "")) : undefined;
    case "number":
      return Number.isFinite(Number(trimmed)) ? Number(trimmed) : undefined;
    case "money":
      return nanoDollars(trimmed) ?? undefined;
    case "list":
      return trimmed.split(/[,\n]/).map((item) => item.trim()).filter((item) => item !== "");
    case "json":
      try {
        return JSON.parse(trimmed);
      } catch {
        return undefined;
      }
    case "moment": {
      const date = new Date(trimmed);
      return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(".000Z", "Z");
    }
    case "lines":
      return Object.fromEntries(trimmed.split("\n").filter((line) => line.includes(":")).map((line) => {
        const at = line.indexOf(":");
        return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      }));
    default:
      return text;
  }
}

/**
 * @typedef {{name: string, value: unknown, changed: boolean}} Entry
 * @typedef {{entries: Entry[], wrong: {name: string, text: string}|null}} Read
 */

/**
 * The values of a form's controls by their names. With `changes`, only of those that differ from what the page came
 * with: a field that was emptied is `null`, and a list of rows comes whole when anything in it has changed. Without,
 * empty fields are left out. A `<fieldset data-object="budget" data-needs="budget.limit_nanousd">` whose named field is
 * empty is left out whole, or `null` where it was not empty before.
 * @param {HTMLFormElement} form
 * @param {boolean} changes
 * @returns {Read}
 */
export function fieldsOf(form, changes) {
  /** @type {Entry[]} */
  const entries = [];
  /** @type {Read["wrong"]} */
  let wrong = null;
  for (const control of form.elements) {
    if (!isControl(control) || control.name === "" || control.matches(":disabled") || control.closest("[data-skip]")) continue;
    const entry = entryOf(form, control);
    if (!entry || entries.some((other) => other.name === entry.name)) continue;
    if (entry.value === undefined) {
      wrong ??= { name: control.name, text: control.dataset.wrong ?? control.title ?? "?" };
      continue;
    }
    entries.push(entry);
  }
  return { entries: chosen(whole(form, entries, changes), changes), wrong };
}

/** @param {Element} element @returns {element is HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} */
function isControl(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLSelectElement || element instanceof HTMLTextAreaElement;
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} control
 * @returns {Entry|null} `null`: it says nothing
 */
function entryOf(form, control) {
  const name = control.name;
  const type = control.dataset.type ?? "text";
  if (control instanceof HTMLSelectElement) {
    const options = [...control.options];
    const changed = options.some((option) => option.selected !== option.defaultSelected);
    if (!control.multiple) {
      const none = !options.some((option) => option.defaultSelected);
      return { name, value: valueOf(type, control.value), changed: none ? control.selectedIndex > 0 : changed };
    }
    return { name, value: options.filter((option) => option.selected).map((option) => option.value), changed };
  }
  if (control instanceof HTMLInputElement && control.type === "checkbox") {
    if (type !== "list") return { name, value: control.checked, changed: control.checked !== control.defaultChecked };
    const group = /** @type {HTMLInputElement[]} */ ([...form.elements].filter((other) => other instanceof HTMLInputElement && other.name === name));
    return { name, value: group.filter((one) => one.checked).map((one) => one.value), changed: group.some((one) => one.checked !== one.defaultChecked) };
  }
  if (control instanceof HTMLInputElement && control.type === "radio") {
    if (!control.checked) return null;
    return { name, value: valueOf(type, control.value), changed: !control.defaultChecked };
  }
  return { name, value: valueOf(type, control.value), changed: control.value !== control.defaultValue };
}

/** @param {string} name @returns {string|null} the list that a name such as `targets[0].model` is in */
function listOf(name) {
  const at = name.indexOf("[");
  return at < 0 ? null : name.slice(0, at);
}

/**
 * Objects that are there or not as a whole.
 * @param {HTMLFormElement} form
 * @param {Entry[]} entries
 * @param {boolean} changes
 * @returns {Entry[]}
 */
function whole(form, entries, changes) {
  let left = entries;
  for (const group of form.querySelectorAll("fieldset[data-object][data-needs]")) {
    if (!(group instanceof HTMLFieldSetElement)) continue;
    const object = group.dataset.object ?? "";
    const needed = left.find((entry) => entry.name === group.dataset.needs);
    if (!needed || needed.value !== null) continue;
    left = left.filter((entry) => !entry.name.startsWith(`${object}.`));
    if (changes && needed.changed) left.push({ name: object, value: null, changed: true });
  }
  // A list that has lost or got rows has changed, even where no field of it has.
  for (const list of form.querySelectorAll("[data-list]")) {
    if (!(list instanceof HTMLElement) || !changes) continue;
    const rows = [...list.children].filter((child) => child instanceof HTMLElement && child.dataset.row !== undefined).length;
    if (String(rows) === list.dataset.rows) continue;
    const name = list.dataset.list ?? "";
    left = left.map((entry) => (listOf(entry.name) === name ? { ...entry, changed: true } : entry));
    if (rows === 0) left.push({ name, value: [], changed: true });
  }
  return left;
}

/** @param {Entry[]} entries @param {boolean} changes @returns {Entry[]} */
function chosen(entries, changes) {
  if (!changes) return entries.filter((entry) => entry.value !== null);
  const lists = new Set(entries.filter((entry) => entry.changed).map((entry) => listOf(entry.name)));
  return entries.filter((entry) => {
    const list = listOf(entry.name);
    if (list === null) return entry.changed;
    // In a list that goes as a whole, what is empty is left out.
    return lists.has(list) && entry.value !== null;
  });
}

/**
 * The object of names such as `limits.rpm` and `targets[0].model`.
 * @param {Iterable<{name: string, value: unknown}>} entries
 * @returns {Record<string, any>}
 */
export function nest(entries) {
  /** @type {Record<string, any>} */
  const root = Object.create(null);
  for (const { name, value } of entries) {
    const steps = name.split(/\.|\[|\]\.?/).filter((step) => step !== "");
    /** @type {any} */
    let place = root;
    steps.forEach((step, index) => {
      if (index === steps.length - 1) {
        place[step] = value;
        return;
      }
      place[step] ??= /^\d+$/.test(steps[index + 1]) ? [] : Object.create(null);
      place = place[step];
    });
  }
  return root;
}

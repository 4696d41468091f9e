// @ts-check
// The playground: makes a request of the form, sends it as the chosen key through this listener, and shows what comes.

import { api, csrfToken, make, signInPath } from "./core.js";
import { Answer, Events, messageOf, parsed, placeOf, shortened } from "./chat.js";
import { count, duration, exactUsd, money } from "./format.js";
import { samples } from "./samples.js";
import { Shown } from "./shown.js";

/** Largest picture, in bytes: with base64 it still fits into a request of the default size. */
const IMAGE_BYTES = 16_000_000;
/** Most characters of a raw response that are shown. */
const RAW_CHARACTERS = 400_000;
/** When the books are asked for the price of a call, in milliseconds after it; then they are left alone. */
const BOOKS_AFTER_MS = [150, 500, 1000, 2000, 4000];

const TOOLS = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather of a place",
      parameters: {
        type: "object",
        properties: { place: { type: "string" }, unit: { type: "string", enum: ["celsius", "fahrenheit"] } },
        required: ["place"],
      },
    },
  },
];
const SCHEMA = {
  name: "answer",
  strict: true,
  schema: {
    type: "object",
    properties: { summary: { type: "string" }, keywords: { type: "array", items: { type: "string" } } },
    required: ["summary", "keywords"],
    additionalProperties: false,
  },
};

const found = document.querySelector("#playground");
if (found instanceof HTMLFormElement) start(found);

/** @typedef {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} Control */

/** @param {HTMLFormElement} form */
function start(form) {
  /** @param {string} name @returns {string} a text of the page in its language */
  const text = (name) => form.dataset[`t${name[0].toUpperCase()}${name.slice(1)}`] ?? "";
  /** @template {HTMLElement} [E=HTMLElement] @param {string} selector @returns {E} */
  const one = (selector) => /** @type {E} */ (form.querySelector(selector));
  const key = /** @type {HTMLSelectElement} */ (one("[data-key]"));
  const model = /** @type {HTMLInputElement} */ (one('[data-field="model"]'));
  const messages = one("[data-messages]");
  const format = /** @type {HTMLSelectElement} */ (one("[data-format]"));
  const schema = /** @type {HTMLTextAreaElement} */ (one("[data-schema-text]"));
  const other = /** @type {HTMLTextAreaElement} */ (one("[data-other]"));
  const stream = /** @type {HTMLInputElement} */ (one("[data-stream]"));
  const usage = /** @type {HTMLInputElement} */ (one("[data-usage]"));
  const send = /** @type {HTMLButtonElement} */ (one("[data-send]"));
  const stop = /** @type {HTMLButtonElement} */ (one("[data-stop]"));
  /** @type {AbortController|null} */
  let running = null;
  /** @type {Answer|null} */
  let latest = null;
  /** Pictures of the messages, by their rows. @type {WeakMap<Element, string[]>} */
  const pictures = new WeakMap();

  // The request --------------------------------------------------------------------------------------------------

  /** What cannot be sent yet. */
  class Wrong extends Error {
    /** @param {Element} control @param {string} message */
    constructor(control, message) {
      super(message);
      this.control = control;
    }
  }

  /** @param {Control} control @param {"object"|"list"} kind @returns {any} `undefined` where nothing stands */
  function json(control, kind) {
    const source = control.value.trim();
    if (source === "") return undefined;
    let value;
    try {
      value = JSON.parse(source);
    } catch (error) {
      throw new Wrong(control, text("notJson").replace("{0}", error instanceof Error ? error.message : ""));
    }
    if (kind === "list" && !Array.isArray(value)) throw new Wrong(control, text("notList"));
    const object = value !== null && typeof value === "object" && !Array.isArray(value);
    if (kind === "object" && !object) throw new Wrong(control, text("notObject"));
    return value;
  }

  /** @returns {Element[]} */
  const rows = () => [...messages.querySelectorAll("[data-message]")];

  /** @param {Element} row @returns {Record<string, any>|null} `null`: nothing stands there */
  function messageIn(row) {
    const part = (/** @type {string} */ name) => /** @type {Control} */ (row.querySelector(`[data-${name}]`));
    const role = part("role").value;
    const content = part("text").value;
    const calls = role === "assistant" ? json(part("calls-text"), "list") : undefined;
    const images = role === "user" ? (pictures.get(row) ?? []) : [];
    if (content === "" && images.length === 0 && calls === undefined && role !== "tool") return null;
    /** @type {Record<string, any>} */
    const message = { role, content };
    if (images.length > 0) {
      message.content = images.map((url) => ({ type: "image_url", image_url: { url } }));
      if (content !== "") message.content.unshift({ type: "text", text: content });
    }
    if (role === "tool") message.tool_call_id = part("call-id").value;
    if (calls !== undefined) message.tool_calls = calls;
    if (calls !== undefined && content === "") message.content = null;
    return message;
  }

  /** @returns {{request: Record<string, any>, sent: Element[]}} with the rows of its messages @throws {Wrong} */
  function collect() {
    /** @type {Record<string, any>} */
    const request = { model: model.value.trim(), messages: [] };
    const sent = [];
    for (const row of rows()) {
      const message = messageIn(row);
      if (message === null) continue;
      request.messages.push(message);
      sent.push(row);
    }
    if (stream.checked) request.stream = true;
    if (stream.checked && usage.checked) request.stream_options = { include_usage: true };
    for (const control of form.querySelectorAll("[data-field][data-kind]")) {
      const value = valueOf(/** @type {Control} */ (control));
      if (value !== undefined) request[/** @type {HTMLElement} */ (control).dataset.field ?? ""] = value;
    }
    if (format.value === "json_schema") request.response_format = { type: "json_schema", json_schema: json(schema, "object") ?? {} };
    else if (format.value !== "") request.response_format = { type: format.value };
    return { request: { ...request, ...json(other, "object") }, sent };
  }

  /** @param {Control} control @returns {any} */
  function valueOf(control) {
    const value = control.value;
    switch (control.dataset.kind) {
      case "number":
        if (control instanceof HTMLInputElement && control.validity.badInput) throw new Wrong(control, text("notNumber"));
        return value === "" ? undefined : Number(value);
      case "lines": {
        const lines = value.split("\n").filter((line) => line !== "");
        return lines.length === 0 ? undefined : lines;
      }
      case "list":
        return json(control, "list");
      default:
        return value === "" ? undefined : value;
    }
  }

  /** What is beside the form, kept true to it while it changes. */
  function preview() {
    for (const details of form.querySelectorAll(".folds details")) {
      const used = [...details.querySelectorAll("select, textarea, input:not([type=checkbox])")].filter((control) => /** @type {Control} */ (control).value !== "" && !control.closest("[hidden]"));
      const count = details.querySelector("[data-count]");
      if (count) count.textContent = used.length === 0 ? "" : String(used.length);
    }
    let request;
    try {
      request = shortened(collect().request, text("shortened"));
    } catch (error) {
      if (error instanceof Wrong) return;
      throw error;
    }
    const path = new URL(`${form.dataset.base}/chat/completions`).pathname;
    one("[data-raw-request]").textContent = `POST ${path}\ncontent-type: application/json\nauthorization: Bearer …\n\n${JSON.stringify(request, null, 2)}`;
    const texts = samples(form.dataset.base ?? "", request);
    one('[data-sample="curl"]').textContent = texts.curl;
    one('[data-sample="python"]').textContent = texts.python;
    one('[data-sample="node"]').textContent = texts.node;
  }

  // Messages -----------------------------------------------------------------------------------------------------

  /** @param {Record<string, any>} [message] @returns {HTMLElement} */
  function addMessage(message) {
    const template = /** @type {HTMLTemplateElement} */ (document.querySelector("#play-message"));
    const row = /** @type {HTMLElement} */ (/** @type {Element} */ (template.content.firstElementChild).cloneNode(true));
    messages.insertBefore(row, template);
    const part = (/** @type {string} */ name) => /** @type {Control} */ (row.querySelector(`[data-${name}]`));
    part("role").value = message?.role ?? "user";
    part("text").value = typeof message?.content === "string" ? message.content : "";
    part("call-id").value = message?.tool_call_id ?? "";
    part("calls-text").value = message?.tool_calls ? JSON.stringify(message.tool_calls, null, 2) : "";
    shape(row);
    grow(part("text"));
    return row;
  }

  /** What a row offers depends on its role. @param {Element} row */
  function shape(row) {
    const role = /** @type {Control} */ (row.querySelector("[data-role]")).value;
    const show = (/** @type {string} */ name, /** @type {boolean} */ wanted) => {
      /** @type {HTMLElement} */ (row.querySelector(`[data-${name}]`)).hidden = !wanted;
    };
    const calls = /** @type {Control} */ (row.querySelector("[data-calls-text]")).value !== "";
    show("call-id-field", role === "tool");
    show("calls", role === "assistant" && calls);
    show("attach", role === "user");
    show("images", role === "user");
  }

  /** @param {Element} area */
  function grow(area) {
    if (!(area instanceof HTMLTextAreaElement) || CSS.supports("field-sizing", "content")) return;
    area.rows = Math.min(16, Math.max(2, area.value.split("\n").length));
  }

  /** @param {Element} row @param {Iterable<File>} files */
  function attach(row, files) {
    const list = /** @type {HTMLElement} */ (row.querySelector("[data-images]"));
    for (const file of files) {
      if (!file.type.startsWith("image/")) return fail(row, text("notAnImage"));
      if (file.size > IMAGE_BYTES) return fail(row, text("imageTooLarge").replace("{0}", `${IMAGE_BYTES / 1e6} MB`));
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        const url = String(reader.result);
        pictures.set(row, [...(pictures.get(row) ?? []), url]);
        const remove = make("button", { type: "button", class: "quiet small", "aria-label": `${text("removeImage")}: ${file.name}` }, "×");
        const item = make("li", {}, make("img", { src: url, alt: file.name }), make("span", { class: "note" }, file.name), remove);
        remove.addEventListener("click", () => {
          const left = [...(pictures.get(row) ?? [])];
          left.splice(left.indexOf(url), 1);
          pictures.set(row, left);
          item.remove();
          preview();
        });
        list.append(item);
        preview();
      });
      reader.readAsDataURL(file);
    }
  }

  /** @param {Element} place @param {string} message */
  function fail(place, message) {
    const error = place.closest(".field, [data-message]")?.querySelector(".error") ?? one("[data-messages-error]");
    error.textContent = message;
    const control = place.matches("input, select, textarea") ? place : place.querySelector("textarea");
    control?.setAttribute("aria-invalid", "true");
    /** @type {HTMLElement|null} */ (control?.closest("details"))?.setAttribute("open", "");
    /** @type {HTMLElement|null} */ (control)?.focus();
  }

  function clearErrors() {
    for (const place of form.querySelectorAll(".error")) place.textContent = "";
    for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  }

  // Sending ------------------------------------------------------------------------------------------------------

  /** Headers that make a call one of the chosen key. @returns {Record<string, string>} */
  const asKey = () => ({ "x-sluicegate-key-id": key.value, "x-csrf-token": csrfToken });

  async function run() {
    if (running) return;
    clearErrors();
    let collected;
    try {
      collected = collect();
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return fail(error.control, error.message);
    }
    running = new AbortController();
    send.hidden = true;
    stop.hidden = false;
    stop.focus();
    const call = new Call(running.signal);
    try {
      await call.run(collected.request);
    } finally {
      running = null;
      const focused = document.activeElement === stop || document.activeElement === document.body;
      stop.hidden = true;
      send.hidden = false;
      if (focused) send.focus();
      latest = call.answer;
    }
    if (call.answer.fault) point(call.answer.fault.param, collected.sent);
    void call.price();
  }

  /** Marks what an error is about. @param {string|null|undefined} param @param {Element[]} sent */
  function point(param, sent) {
    const { field, message } = placeOf(param);
    /** @type {Element|null|undefined} */
    let control = message === null ? form.querySelector(`[data-field="${CSS.escape(field)}"]`) : sent[message]?.querySelector("[data-text]");
    if (field === "response_format") control = schema.closest("[hidden]") ? format : schema;
    if (!control) return;
    control.setAttribute("aria-invalid", "true");
    control.closest("details")?.setAttribute("open", "");
  }

  /** One call and what is shown of it. */
  class Call {
    /** @param {AbortSignal} signal */
    constructor(signal) {
      this.signal = signal;
      this.answer = new Answer();
      this.shown = new Shown(one("[data-answer]"), text);
      this.raw = one("[data-raw-response]");
      this.rawLength = 0;
      this.began = performance.now();
      /** @type {number|null} */
      this.firstMs = null;
      this.requestId = "";
      this.traceId = "";
      this.cut = false;
      /** @type {HTMLElement|null} */
      this.box = null;
      /** @type {Map<string, HTMLElement>} */
      this.facts = new Map();
      one("[data-fault]").replaceChildren();
      one("[data-facts]").replaceChildren();
      one("[data-after]").hidden = true;
      this.raw.textContent = "";
    }

    /** @param {Record<string, any>} request */
    async run(request) {
      const result = one("[data-result]");
      result.setAttribute("aria-busy", "true");
      if (result.getBoundingClientRect().top > innerHeight - 80) result.scrollIntoView({ block: "start" });
      this.state("waiting");
      try {
        const response = await fetch("/v1/chat/completions", {
          method: "POST",
          headers: { "content-type": "application/json", ...asKey() },
          body: JSON.stringify(request),
          credentials: "same-origin",
          redirect: "error",
          signal: this.signal,
        });
        this.head(response);
        if (response.headers.get("content-type")?.startsWith("text/event-stream")) await this.read(response);
        else this.whole(response, await response.text());
        this.finish(response);
      } catch (error) {
        if (this.signal.aborted) this.state("stopped");
        // A stream that failed ends without its last chunk: what it said of the failure counts.
        else if (this.answer.fault) this.fault(this.answer.fault, 0);
        else {
          // With its end the browser may have dropped what came last: why, the books know.
          this.cut = this.rawLength > 0;
          this.fault({ message: text(this.cut ? "broken" : "unreachable") }, 0);
        }
      } finally {
        this.shown.update(this.answer);
        this.fact("total", duration(Math.round(performance.now() - this.began)));
        this.tokens();
        one("[data-after]").hidden = this.answer.choices.length === 0;
        result.removeAttribute("aria-busy");
      }
    }

    /** @param {Response} response */
    head(response) {
      const header = (/** @type {string} */ name) => response.headers.get(name);
      this.requestId = header("x-request-id") ?? "";
      this.traceId = header("x-trace-id") ?? "";
      this.show(`HTTP ${response.status}\n${[...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n`);
      this.fact("status", String(response.status));
      if (this.requestId !== "") this.fact("requestId", make("a", { href: `/requests/${encodeURIComponent(this.requestId)}` }, make("code", {}, this.requestId)));
      const provider = header("x-sluicegate-provider");
      if (provider) this.fact("provider", [provider, header("x-sluicegate-model")].filter(Boolean).join(" · "));
      for (const [name, label] of [["attempts", "attempts"], ["dropped", "dropped"], ["replay-of", "replay"]]) {
        const value = header(`x-sluicegate-${name}`);
        if (value !== null && value !== "") this.fact(label, value);
      }
    }

    /** @param {Response} response */
    async read(response) {
      const events = new Events();
      const reader = response.body?.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (value) this.show(decoder.decode(value, { stream: true }));
        for (const data of value ? events.take(value) : events.end()) this.event(data);
        if (done) return;
        this.shown.update(this.answer);
      }
    }

    /** @param {string} data */
    event(data) {
      if (!this.answer.event(data) || this.firstMs !== null) return;
      this.firstMs = performance.now() - this.began;
      this.fact("firstToken", duration(Math.round(this.firstMs)));
      this.state("running");
    }

    /** @param {Response} response @param {string} body */
    whole(response, body) {
      const value = parsed(body);
      this.show(value === undefined ? body : JSON.stringify(value, null, 2));
      if (value !== undefined) this.answer.whole(value);
      else this.answer.fault = { message: body || response.statusText };
    }

    /** @param {Response} response */
    finish(response) {
      const { answer } = this;
      if (answer.fault) return this.fault(answer.fault, response.status, response.headers.get("retry-after"));
      if (!answer.done) return this.fault({ message: text("broken") }, 0);
      this.state("complete");
      const ends = answer.choices.map((choice) => choice.finish).filter((finish) => finish !== null);
      if (ends.length > 0) this.fact("finish", make("code", {}, ends.join(", ")));
    }

    /** In the gateway's own words. @param {import("./chat.js").Fault} fault @param {number} status @param {string|null} [after] */
    fault(fault, status, after = null) {
      this.answer.fault = fault;
      this.state("failed");
      const codes = [status >= 400 ? String(status) : "", fault.type, fault.code].filter(Boolean).join(" ");
      const box = make("div", { class: "notice bad", role: "alert" });
      if (codes !== "") box.append(make("code", {}, codes));
      box.append(make("span", { lang: fault.type ? "en" : document.documentElement.lang }, fault.message ?? ""));
      if (fault.param) box.append(make("code", {}, fault.param));
      if (after) box.append(make("code", {}, `Retry-After: ${after}`));
      if (status === 401) box.append(text("signedOut"), make("a", { href: signInPath() }, text("signIn")));
      one("[data-fault]").replaceChildren(box);
      this.box = box;
    }

    tokens() {
      const use = this.answer.usage;
      if (!use) return;
      const number = (/** @type {unknown} */ value) => (Number.isInteger(value) ? count(Number(value)) : "?");
      const parts = [text("tokensValue").replace("{0}", number(use.prompt_tokens)).replace("{1}", number(use.completion_tokens))];
      const cached = use.prompt_tokens_details?.cached_tokens;
      const reasoning = use.completion_tokens_details?.reasoning_tokens;
      if (cached > 0) parts.push(text("tokensCached").replace("{0}", number(cached)));
      if (reasoning > 0) parts.push(text("tokensReasoning").replace("{0}", number(reasoning)));
      const seconds = this.firstMs === null ? 0 : (performance.now() - this.began - this.firstMs) / 1000;
      if (seconds > 0.05 && use.completion_tokens > 1) parts.push(text("rate").replace("{0}", (use.completion_tokens / seconds).toFixed(seconds > 1 ? 0 : 1)));
      this.fact("tokens", parts.join(" · "));
    }

    /** What it cost stands in the books a moment later. */
    async price() {
      if (this.requestId === "" || this.traceId === "") return;
      const path = `/admin/v1/requests?limit=20&trace_id=${encodeURIComponent(this.traceId)}`;
      for (const wait of BOOKS_AFTER_MS) {
        await new Promise((wake) => setTimeout(wake, wait));
        const list = await api("GET", path).catch(() => null);
        const row = list?.data.find((/** @type {any} */ row) => row.request_id === this.requestId);
        if (row) return this.booked(row);
        if (list === null) break;
      }
      this.fact("cost", text("costLater"));
    }

    /** @param {any} row */
    booked(row) {
      if (this.cut && row.error_code) this.box?.prepend(make("code", {}, row.error_code));
      const known = typeof row.charged_nanousd === "number";
      this.fact("cost", known ? priced(row.charged_nanousd) : text("costUnknown"));
      const notes = [row.repaired ? text("repaired") : "", row.hedged ? text("hedged") : ""].filter((note) => note !== "");
      const attempts = Array.isArray(row.attempts) ? row.attempts.length : 0;
      if (attempts > 0) this.fact("attempts", [String(attempts), ...notes].join(" · "));
    }

    /** @param {string} name of a text @param {string|Node} value */
    fact(name, value) {
      const place = this.facts.get(name) ?? make("dd");
      if (!this.facts.has(name)) one("[data-facts]").append(make("dt", {}, text(name)), place);
      this.facts.set(name, place);
      place.replaceChildren(value);
    }

    /** @param {string} name of a text */
    state(name) {
      one("[data-state]").textContent = text(name);
    }

    /** @param {string} more of the raw response */
    show(more) {
      if (this.rawLength > RAW_CHARACTERS) return;
      this.rawLength += more.length;
      this.raw.append(more.slice(0, RAW_CHARACTERS));
      if (this.rawLength > RAW_CHARACTERS) this.raw.append(`\n${text("rawCut").replace("{0}", String(RAW_CHARACTERS))}`);
    }
  }

  /** @param {number} nano @returns {HTMLElement} in the currency of the viewer */
  function priced(nano) {
    const { currency, rate } = form.dataset;
    const shown = money(nano, currency && rate ? { code: currency, rate: BigInt(rate) } : null);
    return make("data", { value: String(nano), title: exactUsd(nano) }, shown);
  }

  // What the form does ---------------------------------------------------------------------------------------------

  /** The models that the key may use. */
  async function offer() {
    const hint = one("[data-models-hint]");
    hint.textContent = "";
    const asked = key.value;
    const response = await fetch("/v1/models", { headers: asKey(), credentials: "same-origin", redirect: "error" }).catch(() => null);
    const list = response?.ok ? await response.json().catch(() => null) : null;
    if (!Array.isArray(list?.data) || key.value !== asked) return;
    const names = list.data.map((/** @type {any} */ item) => String(item.id));
    one("#play-models").replaceChildren(...names.map((/** @type {string} */ name) => make("option", { value: name })));
    hint.textContent = text("modelHint").replace("{0}", String(names.length));
    if (names.length > 0 && !names.includes(model.value) && model.value === model.defaultValue && model.dataset.chosen === undefined) {
      model.value = names.find((/** @type {string} */ name) => !name.startsWith("sandbox/")) ?? names[0];
    }
    preview();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("input", (event) => {
    if (event.target instanceof Element) grow(event.target);
    preview();
  });
  form.addEventListener("change", (event) => {
    const target = event.target;
    if (!(target instanceof Element)) return;
    const row = target.closest("[data-message]");
    if (target.matches("[data-role]") && row) shape(row);
    if (target.matches("[data-file]") && row && target instanceof HTMLInputElement) {
      attach(row, target.files ?? []);
      target.value = "";
    }
    if (target === format) {
      one("[data-schema]").hidden = format.value !== "json_schema";
      if (format.value === "json_schema" && schema.value === "") schema.value = JSON.stringify(SCHEMA, null, 2);
    }
    if (target === key) void offer();
    preview();
  });
  form.addEventListener("paste", (event) => {
    const row = event.target instanceof Element ? event.target.closest("[data-message]") : null;
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!row || files.length === 0 || row.querySelector("[data-attach][hidden]")) return;
    event.preventDefault();
    attach(row, files);
  });
  form.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    const row = button.closest("[data-message]");
    if (button.matches("[data-remove-message]")) row?.remove();
    else if (button.matches("[data-attach]")) /** @type {HTMLElement|null|undefined} */ (row?.querySelector("[data-file]"))?.click();
    else if (button.matches("[data-add-message]")) /** @type {HTMLElement|null} */ (addMessage().querySelector("[data-text]"))?.focus();
    else if (button === stop) running?.abort();
    else if (button.matches("[data-example]")) /** @type {Control} */ (one('[data-field="tools"]')).value = JSON.stringify(TOOLS, null, 2);
    else if (button.matches("[data-continue]")) goOn();
    preview();
  });

  /** The answer becomes part of the conversation, with a place for what comes next. */
  function goOn() {
    const choice = latest?.choices[0];
    if (!choice) return;
    const message = messageOf(choice);
    addMessage(message);
    /** @type {any[]} */
    const calls = message.tool_calls ?? [];
    const next = calls.map((call) => addMessage({ role: "tool", tool_call_id: call.id }));
    if (next.length === 0) next.push(addMessage({ role: "user" }));
    one("[data-after]").hidden = true;
    /** @type {HTMLElement|null} */ (next[0].querySelector("[data-text]"))?.focus();
    next[0].scrollIntoView({ block: "nearest" });
  }

  for (const row of rows()) shape(row);
  for (const area of messages.querySelectorAll("textarea")) grow(area);
  preview();
  void offer();
}

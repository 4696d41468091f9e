// @ts-check
// An answer of a model on the page, as far as it has come.

import { make } from "./core.js";

/** @typedef {import("./chat.js").Answer} Answer */

/** An answer on the page: only what is new is added, so that a long one stays quick. */
export class Shown {
  /** @param {HTMLElement} place @param {(name: string) => string} text */
  constructor(place, text) {
    this.place = place;
    this.text = text;
    /** @type {Map<string, {node: Text, length: number}>} */
    this.parts = new Map();
    this.sources = 0;
    place.replaceChildren();
  }

  /** @param {Answer} answer */
  update(answer) {
    answer.choices.forEach((choice, index) => {
      const many = answer.choices.length > 1;
      this.part(index, "reasoning", choice.reasoning, this.text("reasoning"));
      this.part(index, "content", choice.content, many ? this.text("choice").replace("{0}", String(index + 1)) : "");
      this.part(index, "refusal", choice.refusal, this.text("refusal"));
      if (choice.audio) this.part(index, "audio", choice.audio.transcript, this.text("audio").replace("{0}", String(choice.audio.bytes)));
      choice.calls.forEach((call, at) => this.part(index, `call-${at}`, `${call.name}(${call.arguments})`, at === 0 ? this.text("calls") : ""));
      const sources = choice.sources.map((source) => `${source.title}\n${source.url}`).join("\n");
      this.part(index, "sources", sources, this.text("sources"));
    });
  }

  /** @param {number} index @param {string} kind @param {string} whole @param {string} title */
  part(index, kind, whole, title) {
    if (whole === "") return;
    const name = `${index}-${kind}`;
    let part = this.parts.get(name);
    if (!part) {
      const node = document.createTextNode("");
      const body = make("div", { class: `said-text said-${kind.replace(/-.*/, "")}` }, node);
      const section = make("section", {}, body);
      if (title !== "") section.prepend(make("h3", {}, title));
      this.place.append(section);
      part = { node, length: 0 };
      this.parts.set(name, part);
    }
    // Calls are put together from pieces in their middle; everything else only grows.
    if (kind.startsWith("call")) part.node.data = whole;
    else part.node.appendData(whole.slice(part.length));
    part.length = whole.length;
  }
}

// What is wrong with the page for somebody who reads it in the language `arguments[0]`: a list of lines.
const [language] = arguments;
const wrong = [];
const flat = (text) => (text ?? "").replace(/\s+/g, " ").trim();
const shown = (element) => {
  const id = element.id ? `#${element.id}` : "";
  return `<${element.tagName.toLowerCase()}${id} class="${element.getAttribute("class") ?? ""}"> ${flat(element.textContent).slice(0, 40)}`;
};
const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length > 0;
const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);

if (document.documentElement.lang !== language) wrong.push(`lang is ${document.documentElement.lang}`);
if (!flat(document.title)) wrong.push("no title");
if (all("h1").length !== 1) wrong.push(`${all("h1").length} h1`);
if (all("main").length !== 1) wrong.push(`${all("main").length} main`);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push(`the id ${id} twice`);
for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) wrong.push(`tabindex: ${shown(element)}`);
for (const element of document.querySelectorAll("[for]")) if (!document.getElementById(element.htmlFor)) wrong.push(`for ${element.htmlFor}: nothing`);
for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    for (const id of element.getAttribute(attribute).split(" ").filter(Boolean)) if (!document.getElementById(id)) wrong.push(`${attribute} ${id}: nothing`);
  }
}

const said = (element) => {
  const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  return flat(by.map((id) => document.getElementById(id)?.textContent).join(" ") || element.getAttribute("aria-label") || element.title);
};
for (const field of all("input:not([type=hidden]), select, textarea")) {
  const label = [...field.labels].map((label) => label.textContent).join(" ");
  const button = ["submit", "button", "reset"].includes(field.type) ? field.value : "";
  if (!flat(label) && !said(field) && !button) wrong.push(`no label: ${field.name} ${shown(field)}`);
}
for (const element of all("button, summary, a[href], [role=button]")) {
  // The parts of a picture are not read one by one.
  if (element.closest("[aria-hidden=true], [role=img]")) continue;
  const images = [...element.querySelectorAll("img[alt], svg title")].map((image) => image.alt ?? image.textContent).join(" ");
  if (!flat(element.textContent) && !said(element) && !flat(images)) wrong.push(`no name: ${element.outerHTML.slice(0, 120)}`);
}
for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) wrong.push(`no alt: ${image.src}`);
for (const image of all("svg")) {
  const hidden = image.closest("[aria-hidden=true]") || image.parentElement.closest("[role=img]") || image.getAttribute("role") === "presentation";
  if (!hidden && !image.querySelector(":scope > title") && !said(image)) wrong.push(`a picture without words: ${shown(image.parentElement)}`);
}

const page = document.scrollingElement;
if (page.scrollWidth > page.clientWidth) {
  const wide = all("body *").filter((element) => element.getBoundingClientRect().right > page.clientWidth + 1);
  wrong.push(`scrolls sideways, ${page.scrollWidth} in ${page.clientWidth}: ${wide.slice(-1).map(shown)}`);
}

// Contrast: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const colours = new Map();
const colour = (css) => {
  if (!colours.has(css)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    colours.set(css, [r, g, b, a / 255]);
  }
  return colours.get(css);
};
const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
const light = (rgb) => {
  const [r, g, b] = rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (one, other) => {
  const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
  return layers.reverse().reduce((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
};
const told = new Set();
const legible = (element, css, what) => {
  const style = getComputedStyle(element);
  let opacity = 1;
  for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  const below = behind(element);
  const [r, g, b, a] = colour(css);
  const found = ratio(over([r, g, b, a * opacity], below), below);
  const px = Number.parseFloat(style.fontSize);
  const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
  const line = `${what} ${found.toFixed(2)}: ${css} on ${below.map(Math.round)}: ${shown(element)}`;
  if (found < (large ? 3 : 4.5) && !told.has(line)) told.add(line) && wrong.push(line);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!flat(node.data) || !seen(element) || element.closest("script, style, title, desc, option, :disabled, [aria-disabled=true]")) continue;
  const box = element.getBoundingClientRect();
  // Said to screen readers only.
  if (box.width <= 1 || box.height <= 1) continue;
  legible(element, element.closest("svg") ? getComputedStyle(element).fill : getComputedStyle(element).color, "contrast");
}
for (const field of all("input, select, textarea")) {
  if (field.disabled || ["checkbox", "radio", "range", "color"].includes(field.type)) continue;
  legible(field, getComputedStyle(field).color, "contrast of a field");
  if (field.placeholder && !field.value) legible(field, getComputedStyle(field, "::placeholder").color, "contrast of a placeholder");
}
return wrong;

// Finds what a person would point at: `arguments` are a kind, a name and a time in ms after which `null` is the answer.
const [kind, name, patience] = arguments;
const flat = (text) => (text ?? "").replace(/\s+/g, " ").trim();

const seen = (element) => {
  if (!element.checkVisibility({ visibilityProperty: true }) || element.getClientRects().length === 0) return false;
  const dialog = [...document.querySelectorAll("dialog:modal")].pop();
  return !element.closest("[inert]") && (!dialog || dialog.contains(element));
};

const named = (element) => {
  const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  const texts = by.map((id) => document.getElementById(id)?.textContent);
  const labels = [...(element.labels ?? [])].map((label) => {
    const copy = label.cloneNode(true);
    copy.querySelectorAll("input, select, textarea, output").forEach((inner) => inner.remove());
    return copy.textContent;
  });
  const button = element.tagName === "INPUT" && ["submit", "button"].includes(element.type);
  const own = /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName) ? "" : element.textContent;
  const alt = [...element.querySelectorAll("img[alt]")].map((image) => image.alt).join(" ");
  const said = [texts.join(" "), element.getAttribute("aria-label"), labels.join(" "), button ? element.value : "", own, alt, element.title];
  return flat(said.find((text) => flat(text)) ?? "");
};

const kinds = {
  label: "input:not([type=hidden]), select, textarea",
  button: "button, summary, input[type=submit], input[type=button], [role=button], [role=tab]",
  link: "a[href]",
  heading: "h1, h2, h3, h4",
  region: "section, article, form, fieldset, dialog, table, nav, [role=region], [role=status], [role=alert], [role=dialog]",
};

const look = () => {
  if (kind === "css") return [...document.querySelectorAll(name)].find(seen) ?? null;
  if (kind === "text") {
    const all = [...document.body.querySelectorAll("*")].filter((element) => flat(element.textContent).includes(name) && seen(element));
    return all.pop() ?? null;
  }
  const all = [...document.querySelectorAll(kinds[kind])].filter(seen);
  const exact = all.filter((element) => named(element) === name);
  const found = exact.length > 0 ? exact : all.filter((element) => named(element).startsWith(name));
  return found.find((element) => element.closest("main")) ?? found[0] ?? null;
};

return new Promise((done) => {
  const here = look();
  if (here) return done(here);
  const end = (found) => {
    observer.disconnect();
    clearTimeout(clock);
    done(found);
  };
  const observer = new MutationObserver(() => {
    const found = look();
    if (found) end(found);
  });
  const clock = setTimeout(() => end(look()), patience);
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
});

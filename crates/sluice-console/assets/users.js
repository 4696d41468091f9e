// @ts-check
// Invitations are shown once as whole addresses; which projects can be chosen follows from the role.

/** @param {HTMLFormElement} form */
function followRole(form) {
  const role = form.querySelector("select[name=role]");
  const group = form.querySelector("fieldset.projects-of-role");
  if (!(role instanceof HTMLSelectElement) || !(group instanceof HTMLFieldSetElement)) return;
  const boxes = /** @type {HTMLInputElement[]} */ ([...group.querySelectorAll("input[type=checkbox]")]);
  const all = boxes.find((box) => box.value === "*");
  const show = () => {
    // An owner has all projects, and members have their keys: there is nothing to choose.
    group.hidden = role.value === "owner" || role.value === "member";
    if (role.value === "owner" && all) all.checked = true;
    for (const box of boxes) {
      const covered = box !== all && all?.checked === true;
      if (covered) box.checked = false;
      box.disabled = role.value === "member" || covered;
    }
  };
  role.addEventListener("change", show);
  group.addEventListener("change", show);
  show();
}

document.addEventListener("api:done", (event) => {
  const element = event.target;
  if (!(element instanceof HTMLElement) || !(event instanceof CustomEvent) || element.dataset.invite === undefined) return;
  const path = event.detail?.invite_path;
  const panel = document.getElementById(element.dataset.invite);
  const place = panel?.querySelector("output");
  if (typeof path !== "string" || !panel || !place) return;
  event.preventDefault();
  place.textContent = location.origin + path;
  element.hidden = true;
  panel.hidden = false;
  panel.focus();
  panel.closest("dialog")?.addEventListener("close", () => location.reload(), { once: true });
});

for (const form of document.querySelectorAll("form")) followRole(form);

// Keys of the queue. None acts while a person types or a dialog is open, all can be switched off, and
// none alone sends an order: x goes to the button that does.

const on = () => localStorage.getItem("queue-keys") !== "off";
const rows = () => [...document.querySelectorAll("#queue-live li.qrow")];
const current = () => document.activeElement?.closest("li.qrow");
const part = (name) => {
  const row = current();
  return row && document.getElementById(row.id.replace("order", name));
};

function go(by) {
  const found = rows();
  const here = found.indexOf(current());
  const next = here < 0 ? (by > 0 ? 0 : found.length - 1) : here + by;
  const row = found[Math.min(Math.max(next, 0), found.length - 1)];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

function cancel() {
  const button = part("cancel");
  if (part("choose")) button?.click();
  else button?.focus();
}

function find() {
  const field = document.getElementById("queue-q");
  field.focus();
  field.select();
}

const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  e: () => part("edit")?.click(),
  x: () => (part("execute") ?? part("edit"))?.focus(),
  c: cancel,
  u: () => [...document.querySelectorAll("#toasts [data-undo]")].at(-1)?.click(),
  " ": () => part("choose")?.click(),
  "/": find,
  "?": () => document.getElementById("queue-help").showModal(),
};
const REPEATED = "jk";

function meant(event) {
  const { key, target } = event;
  if (!Object.hasOwn(KEYS, key) || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
  if (event.repeat && !REPEATED.includes(key)) return false;
  if (target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return false;
  if (key === " ") return target.matches("li.qrow, a.sym");
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || !on() || document.querySelector("dialog[open]") || !meant(event)) return;
  event.preventDefault();
  KEYS[event.key]();
});

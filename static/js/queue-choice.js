// Choosing several orders, the summary before they are decided, what became of them, and undo.

const bar = document.getElementById("together");
const count = document.getElementById("together-count");
const all = document.getElementById("choose-all");
const summary = document.getElementById("together-dialog");
const told = document.getElementById("together-told");

const boxes = () => [...document.querySelectorAll("#queue-live input[name=order]")];

// -- the choice ------------------------------------------------------------------------------

let last = null; // the box that was pressed last, by id: a press with Shift goes from there

function show() {
  const found = boxes();
  const chosen = found.filter((box) => box.checked).length;
  bar.dataset.chosen = chosen;
  if (count.textContent !== String(chosen)) count.textContent = chosen;
  all.checked = chosen > 0 && chosen === found.length;
  all.indeterminate = chosen > 0 && chosen < found.length;
}

function choose(chosen, some = boxes()) {
  for (const box of some) box.checked = chosen;
  show();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("#queue-live input[name=order]");
  if (!box) return;
  const found = boxes();
  const from = found.findIndex(({ id }) => id === last);
  const to = found.indexOf(box);
  if (event.shiftKey && from >= 0) choose(box.checked, found.slice(Math.min(from, to), Math.max(from, to) + 1));
  last = box.id;
  show();
});
all.addEventListener("change", () => choose(all.checked));
document.getElementById("choose-none").addEventListener("click", () => choose(false));
new MutationObserver(show).observe(document.getElementById("content"), { childList: true, subtree: true });
show();

// -- dialogs ---------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open).showModal();
  const closer = event.target.closest("[data-close]");
  const dialog = closer?.closest("dialog");
  if (dialog) dialog.close();
  else if (closer && told.contains(closer)) told.replaceChildren();
  if (dialog || (closer && !closer.isConnected)) event.preventDefault();
});

document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id === "together-body" && !summary.open) summary.showModal();
});

// While orders go out the page stays free, for the halt button above all.
document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
  if (!elt.dataset.together) return;
  summary.close();
  choose(false);
  const words = document.createElement("p");
  words.className = "told told-going";
  words.textContent = `${elt.dataset.together}: on the way. Halt stops what is not out yet.`;
  told.replaceChildren(words);
});

document.addEventListener("htmx:afterRequest", ({ detail: { elt, successful } }) => {
  if (elt.dataset.together && !successful) told.replaceChildren();
  if (!elt.dataset.undo || !successful) return;
  elt.closest(".toast")?.remove();
  const row = document.getElementById(`order-${elt.dataset.undo}`);
  // A poll may have shown it already, and the person may have it open for editing by now.
  if (row && !row.matches(".qrow-edit, :has(.htmx-request)")) htmx.ajax("GET", row.dataset.row, { target: row, swap: "outerHTML" });
});

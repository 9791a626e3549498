// The queue's lists: rows are renewed one by one, and none moves or is taken away under the pointer.
// New rows wait behind a button while the person is in the middle of something here.

const shower = document.getElementById("queue-new");
const held = new Map(); // id of a new row -> { list, row }, not shown yet

const lists = () => document.getElementById("queue-live");
const isBusy = (row) => "busy" in row.dataset || row.querySelector(".htmx-request") !== null;

function atWork() {
  const here = lists();
  if (!here.querySelector("li")) return false;
  const pointed = matchMedia("(hover: hover)").matches && here.matches(":hover");
  return pointed || here.contains(document.activeElement) || here.querySelector(".qrow-edit") !== null;
}

// What is pointed at, or else focused, stays where it is while rows around it change their height.
function keepStill(change) {
  const here = lists();
  const anchor = here.querySelector("li:hover") ?? here.querySelector("li:focus-within, li:focus");
  const before = anchor?.getBoundingClientRect().top;
  change();
  const after = anchor && document.getElementById(anchor.id)?.getBoundingClientRect().top;
  if (after !== undefined && after !== before) window.scrollBy({ top: after - before, behavior: "instant" });
}

// -- new rows --------------------------------------------------------------------------------

function announce() {
  const count = held.size;
  shower.hidden = count === 0;
  if (shower.dataset.count === String(count)) return;
  shower.dataset.count = count;
  shower.textContent = `${count} new ↓`;
  document.getElementById("queue-said").textContent = count
    ? `${count} new ${count === 1 ? "order is" : "orders are"} not shown yet. The button “${count} new” shows them.` : "";
}

function append(list, row) {
  document.getElementById(list).append(row);
  htmx.process(row);
}

function showHeld() {
  const rows = [...held.values()];
  held.clear();
  for (const { list, row } of rows) append(list, row);
  announce();
  return rows.map(({ row }) => row);
}

const showHeldAtRest = () => {
  if (held.size && !atWork()) showHeld();
};

shower.addEventListener("click", () => {
  const [first] = showHeld();
  first?.focus({ preventScroll: true });
  first?.scrollIntoView({ block: "nearest" });
});
document.addEventListener("pointerout", () => setTimeout(showHeldAtRest, 400));
document.addEventListener("focusout", () => setTimeout(showHeldAtRest, 400));

// -- rows that are there ---------------------------------------------------------------------

function renew(old, row) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  // What is unfolded shows what it had until it is asked again, which opening it does.
  for (const open of old.querySelectorAll(":scope > details[open]")) {
    const fresh = row.querySelector(`#${open.id}`);
    fresh?.replaceChildren(...open.childNodes);
    fresh?.setAttribute("open", "");
  }
  for (const box of old.querySelectorAll("input[name=order]:checked")) {
    const fresh = row.querySelector(`#${box.id}`);
    if (fresh) fresh.checked = true;
  }
  old.replaceWith(row);
  htmx.process(row);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function add(list, row, arrived) {
  if (list === "queue-waiting" && !held.has(row.id)) arrived.push(row);
  if (atWork()) held.set(row.id, { list, row });
  else append(list, row);
}

function merge(here, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const token = fresh.querySelector("[data-token]")?.dataset.token;
  if (!token) return;
  const seen = new Set();
  const arrived = [];
  keepStill(() => {
    for (const list of fresh.querySelectorAll("ol")) {
      for (const row of list.querySelectorAll(":scope > li")) {
        seen.add(row.id);
        const old = document.getElementById(row.id);
        if (!old) add(list.id, document.importNode(row, true), arrived);
        else if (old.dataset.v !== row.dataset.v && !isBusy(old)) renew(old, document.importNode(row, true));
      }
    }
  });
  for (const id of held.keys()) if (!seen.has(id)) held.delete(id);
  for (const row of here.querySelectorAll("li[data-row]")) {
    const ended = row.classList.contains("qrow-ended");
    if (!seen.has(row.id) && !ended && !isBusy(row)) {
      htmx.ajax("GET", row.dataset.row, { target: row, swap: "outerHTML" });
    }
  }
  here.dataset.v = token;
  announce();
  if (arrived.length) document.dispatchEvent(new CustomEvent("queue:new", { detail: arrived }));
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.requestConfig.elt.hasAttribute("data-merge")) return;
  detail.shouldSwap = false;
  if (detail.xhr.status === 200) merge(detail.target, detail.xhr.responseText);
});

// -- searching: what is typed into an open form survives the new lists ------------------------

let edited = [];

document.addEventListener("htmx:beforeSwap", ({ detail: { requestConfig, target, shouldSwap } }) => {
  if (shouldSwap && requestConfig.elt.id === "queue-q") edited = [...target.querySelectorAll(".qrow-edit")];
});

document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id !== "queue-live") return;
  held.clear();
  announce();
  for (const row of edited.splice(0)) {
    const now = document.getElementById(row.id);
    if (now) now.replaceWith(row);
    else document.getElementById("queue-waiting").prepend(row);
    htmx.process(row);
  }
});

// -- time to live: counted from what the server said, so this PC's clock doesn't matter --------

const URGENT = 0.2;
const begun = new WeakMap();

setInterval(() => {
  if (document.hidden) return;
  for (const bar of document.querySelectorAll("progress.ttl")) {
    const start = begun.get(bar) ?? { at: performance.now(), left: bar.value };
    begun.set(bar, start);
    bar.value = Math.max(start.left - (performance.now() - start.at) / 1000, 0);
    bar.classList.toggle("ttl-urgent", bar.value < bar.max * URGENT);
  }
}, 1000);

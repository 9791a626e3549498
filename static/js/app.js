// What HTMX alone can't do: theme, copying, toasts, running ages, a lost server.
// Every page works without this file.

const root = document.documentElement;
root.dataset.script = "";

const LOST_AFTER = 2; // failed polls in a row
const TOAST_MS = 6000;
const HIDDEN_EVERY_MS = 60_000; // how often a tab that nobody sees asks

// -- theme -----------------------------------------------------------------------------------

const THEMES = ["auto", "light", "dark"];

function showTheme() {
  const name = document.querySelector("[data-theme-name]");
  if (name) name.textContent = `Theme: ${root.dataset.theme}. Change`;
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
  root.dataset.theme = next;
  localStorage.setItem("theme", next);
  showTheme();
}

// -- toasts ----------------------------------------------------------------------------------

const toasts = document.getElementById("toasts");

// A toast stays while it is pointed at or focused, and twice as long when there is something to undo.
function fade(toast) {
  if (toast.classList.contains("toast-error") || toast.dataset.fading) return;
  toast.dataset.fading = "yes";
  const rest = toast.querySelector("[data-undo]") ? 2 * TOAST_MS : TOAST_MS;
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, TOAST_MS);
    else toast.remove();
  };
  setTimeout(leave, rest);
}

function say(text) {
  const toast = document.createElement("div");
  toast.className = "toast toast-error";
  toast.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "btn btn-plain";
  close.type = "button";
  close.dataset.dismiss = "";
  close.textContent = "Dismiss";
  toast.append(words, close);
  toasts.append(toast);
}

// -- copying ---------------------------------------------------------------------------------

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  const label = [...button.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("themeSwitch" in button.dataset) nextTheme();
  if ("dismiss" in button.dataset) button.closest(".toast").remove();
  if (button.dataset.copy) copy(button);
});

// -- ages and times left ---------------------------------------------------------------------

function span(seconds) {
  const s = Math.max(Math.floor(seconds), 0);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// Ages are counted by the server's clock: the PC's may be wrong. What the way here takes, about a
// second, is no difference of the clocks.
const SAME_CLOCK_MS = 1500;
let skew = 0;

function readServerClock() {
  const now = document.querySelector("[data-server-now] time");
  if (!now) return;
  const found = Date.parse(now.dateTime) - Date.now();
  if (Math.abs(found - skew) > SAME_CLOCK_MS) skew = found;
}

readServerClock();
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id === "desk") readServerClock();
});

setInterval(() => {
  if (document.hidden) return;
  const now = Date.now() + skew;
  for (const time of document.querySelectorAll("time[data-count]")) {
    const seconds = (now - Date.parse(time.dateTime)) / 1000;
    const text = span(time.dataset.count === "up" ? seconds : -seconds);
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);

// -- HTMX: polls carry what they know, slow down while hidden, and say when the server is lost ------

let failures = 0;

const isPoll = (detail) =>
  detail.requestConfig?.triggeringEvent === undefined && detail.requestConfig?.verb === "get";

function setLost(lost) {
  root.toggleAttribute("data-lost", lost);
  document.getElementById("lost").hidden = !lost;
  for (const button of document.querySelectorAll("button[data-needs-server]")) button.disabled = lost;
}

const pressedIn = new Set(); // ids of the rows that hold a button just pressed

const lastPolls = new Map(); // by the id of what is renewed

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = event;
  if (!isPoll(detail)) pressedIn.add(detail.target.id);
  else if (document.hidden && Date.now() - (lastPolls.get(detail.elt.id) ?? 0) < HIDDEN_EVERY_MS) {
    event.preventDefault();
  } else lastPolls.set(detail.elt.id, Date.now());
});

document.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters, verb } = event.detail;
  const own = elt.hasAttribute("hx-trigger") && !event.detail.path.includes("?v=");
  if (verb === "get" && own && elt.dataset.v) parameters.set("v", elt.dataset.v);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseURL.includes("/accounts/login/")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// What a person folded or unfolded stays so when its part of the page is renewed, also when it was
// not there for a while.
const folds = new Map(); // open or not, by id

document.addEventListener("click", ({ target }) => {
  const fold = target.closest("[data-keep-open] details[id] > summary")?.parentElement;
  if (fold) folds.set(fold.id, !fold.open);
});

document.addEventListener("htmx:afterSettle", () => {
  for (const [id, open] of folds) document.getElementById(id)?.toggleAttribute("open", open);
});

// A pressed button goes with its old row. The focus stays in the row: in the first field of a form,
// else on the order's link, where a second Enter decides nothing.
document.addEventListener("htmx:afterSettle", ({ target: row }) => {
  if (!pressedIn.delete(row.id) || document.activeElement !== document.body) return;
  const next = row.querySelector(".field input, .field select") ?? row.querySelector(".sym");
  next?.focus({ preventScroll: true });
});

document.addEventListener("htmx:afterRequest", ({ detail: { successful } }) => {
  if (!successful) return;
  failures = 0;
  if (root.hasAttribute("data-lost")) setLost(false);
});

// Not afterRequest: a request that a newer one has replaced ends there too, and nothing is wrong.
function failed({ detail }) {
  if (isPoll(detail)) {
    failures += 1;
    if (failures >= LOST_AFTER) setLost(true);
    return;
  }
  const status = detail.xhr?.status;
  say(status ? `The server answered ${status}. Load the page again to see how things stand.`
    : "The server doesn't answer. Look at the order before you press again.");
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);

// On a narrow screen the tabs scroll: the page's own is in sight from the start.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2;

// The browser's own tab says how many orders wait.
const title = document.title;

function showWaiting() {
  const waiting = document.getElementById("waiting-count")?.lastChild.textContent ?? "0";
  document.title = waiting === "0" ? title : `(${waiting}) ${title}`;
}

document.addEventListener("htmx:afterSettle", showWaiting);
showWaiting();

new MutationObserver(() => toasts.querySelectorAll(".toast").forEach(fade)).observe(toasts, { childList: true });
toasts.querySelectorAll(".toast").forEach(fade);
showTheme();

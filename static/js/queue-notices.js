// Switches that this device keeps, and what two of them do: a sound, a notice on the desktop.

const BACKGROUND_MS = 15_000;
const TROUBLE = "#queue-live .badge-bad, #queue-live .badge-alarm";
const isOn = (name) => localStorage.getItem(name) === "on";

// -- sound -----------------------------------------------------------------------------------

const NEW = [[880, 0, 0.18]];
const BAD = [[330, 0, 0.16], [330, 0.22, 0.16], [262, 0.44, 0.3]];
let audio;

function play(tones) {
  audio ??= new AudioContext();
  audio.resume();
  for (const [pitch, after, length] of tones) {
    const begin = audio.currentTime + after;
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.linearRampToValueAtTime(0.2, begin + 0.02);
    volume.gain.setValueAtTime(0.2, begin + length - 0.05);
    volume.gain.linearRampToValueAtTime(0, begin + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + length);
  }
}

// A browser lets a page make sounds only once somebody has pressed something on it.
document.addEventListener("pointerdown", () => {
  if (isOn("queue-sound")) audio ??= new AudioContext();
}, { once: true });

// -- desktop ---------------------------------------------------------------------------------

function show(text) {
  try {
    const notice = new Notification("SigmaTrader", { body: text, tag: "queue" });
    notice.addEventListener("click", () => window.focus());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // phones allow notices to service workers alone
    refuse();
  }
}

function refuse() {
  localStorage.setItem("queue-notice", "off");
  document.querySelector("[data-kept=queue-notice]").checked = false;
  document.getElementById("queue-notice-refused").hidden = false;
}

async function askLeave() {
  const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
  if (answer === "granted") show("Notices of the queue look like this.");
  else refuse();
}

// -- switches --------------------------------------------------------------------------------

for (const box of document.querySelectorAll("[data-kept]")) {
  const { kept, default: usual = "off" } = box.dataset;
  box.checked = (localStorage.getItem(kept) ?? usual) === "on";
  box.addEventListener("change", () => {
    localStorage.setItem(kept, box.checked ? "on" : "off");
    if (box.checked && kept === "queue-sound") play(NEW);
    if (kept === "queue-notice") document.getElementById("queue-notice-refused").hidden = true;
    if (box.checked && kept === "queue-notice") askLeave();
  });
}

// -- what there is to tell -------------------------------------------------------------------

function tell(text, tones) {
  if (isOn("queue-sound")) play(tones);
  if (isOn("queue-notice")) show(text);
}

const known = new Set([...document.querySelectorAll("#queue-live li")].map(({ id }) => id));
const names = (rows) => rows.slice(0, 3)
  .map((row) => `${row.querySelector(".side")?.textContent ?? ""} ${row.querySelector(".sym")?.textContent ?? ""}`.trim())
  .join(", ");

function tellNew(rows) {
  const fresh = rows.filter(({ id }) => !known.has(id));
  for (const { id } of fresh) known.add(id);
  if (!fresh.length) return;
  tell(`${fresh.length} new ${fresh.length === 1 ? "order waits" : "orders wait"}: ${names(fresh)}${fresh.length > 3 ? " …" : ""}`, NEW);
}

document.addEventListener("queue:new", ({ detail }) => tellNew(detail));

const banners = (page) => [...page.querySelectorAll("#banner .banner strong")].map((one) => one.textContent.trim());
const marks = () => [...document.querySelectorAll(TROUBLE)]
  .map((mark) => `Order ${mark.closest("li").id.replace("order-", "")} is ${mark.textContent.trim()}.`);
const lost = () => (document.getElementById("lost").hidden ? [] : ["The server doesn't answer."]);
let troubles = new Set([...banners(document), ...marks(), ...lost()]);

function tellTrouble(found) {
  const fresh = found.filter((text) => !troubles.has(text));
  troubles = new Set(found);
  if (fresh.length) tell(fresh.join(" "), BAD);
}

const look = () => tellTrouble([...banners(document), ...marks(), ...lost()]);
document.addEventListener("htmx:afterSettle", look);
new MutationObserver(look).observe(document.getElementById("lost"), { attributes: true });

// -- in the background, where the page's own polls rest ---------------------------------------

async function page(element) {
  const url = new URL(element.getAttribute("hx-get"), location.href);
  url.searchParams.set("v", element.dataset.v);
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(10_000) });
  if (answer.status !== 200 || answer.url.includes("/accounts/login/")) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

setInterval(async () => {
  if (!document.hidden || !(isOn("queue-sound") || isOn("queue-notice"))) return;
  try {
    const queue = await page(document.getElementById("queue-live"));
    if (queue) tellNew([...queue.querySelectorAll("#queue-waiting > li")]);
    const desk = await page(document.getElementById("desk"));
    if (desk?.getElementById("banner")) tellTrouble([...banners(desk), ...marks(), ...lost()]);
  } catch {
    tellTrouble([...troubles, "The server doesn't answer."]);
  }
}, BACKGROUND_MS);

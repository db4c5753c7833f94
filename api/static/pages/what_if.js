// Levers: a slider and a number that go together. The model answers while one is moved: one request at a time, and
// the newest values always win. When they rest, the least change is asked for, and the address is one to share.
import { Refused, ask, say } from "../ask.js";
import { show, showLeast } from "./what_if_response.js";

const BETWEEN_MS = 40; // of two requests: a key may ask so many times a second
const REST_MS = 250;
const AGAIN_MS = 1000;
const TRIES = 5;

const form = document.getElementById("levers");
const POSITIONS = 1000;

const later = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let wanted = false;
let busy = false;
let movedAt = 0;
let leastIsOld = false;

// The same mapping as api/console/levers.py: even below the knee, equal ratios above.
const position = (lever, value) => POSITIONS * Math.log1p(Math.min(value, lever.top) / lever.knee) / Math.log1p(lever.top / lever.knee);
const valueAt = (lever, at) => lever.knee * Math.expm1((at / POSITIONS) * Math.log1p(lever.top / lever.knee));
const written = (value) => String(Number(value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)));

function tie(element) {
  const [slider, number] = [element.querySelector("[type=range]"), element.querySelector("[type=number]")];
  const { name, own, top, knee } = element.dataset;
  const lever = { element, slider, number, name, own, top: Number(top), knee: Number(knee) };
  lever.unit = slider.dataset.unit;
  lever.back = element.querySelector(".back");
  slider.hidden = false;
  element.querySelector(".mark").removeAttribute("hidden");
  slider.addEventListener("input", () => {
    const at = Number(slider.value);
    // Near the mark it is the mark: otherwise nobody could go back to it by hand.
    number.value = Math.abs(at - position(lever, Number(own))) < 6 ? own : written(valueAt(lever, at));
    moved(lever);
  });
  number.addEventListener("input", () => {
    slide(lever);
    moved(lever);
  });
  lever.back.addEventListener("click", () => {
    number.value = own;
    slide(lever);
    moved(lever);
    number.focus();
  });
  slide(lever);
  return lever;
}

function slide(lever) {
  if (lever.number.value !== "" && lever.number.validity.valid) lever.slider.value = position(lever, Number(lever.number.value));
  describe(lever);
}

function describe(lever) {
  lever.slider.setAttribute("aria-valuetext", `${lever.number.value} ${lever.unit}`);
}

// No path can be made of the ids . and .., so the page is left to work everything out when it is loaded.
const answers = Boolean(form?.dataset.path);

const levers = answers ? [...form.querySelectorAll(".lever")].map(tie) : [];

const isChanged = (lever) => lever.number.value !== "" && lever.number.validity.valid && Number(lever.number.value) !== Number(lever.own);

function moved(lever) {
  describe(lever);
  lever.element.classList.toggle("changed", isChanged(lever));
  lever.back.hidden = !isChanged(lever);
  go();
}

const ownLevel = form?.querySelector(".plan").dataset.own;
const level = () => form.elements.level.value;

// As the API takes them: what is as it was is left out.
function changes() {
  const found = {};
  const rates = {};
  for (const lever of levers.filter(isChanged)) {
    const value = Number(lever.number.value);
    if (lever.name === "songs") {
      rates.songs_free = level() === "free" ? value : 0;
      rates.songs_paid = level() === "paid" ? value : 0;
    } else if (lever.name.endsWith("_days")) found[lever.name] = value;
    else rates[lever.name] = value;
  }
  if (Object.keys(rates).length) found.per_day = rates;
  if (level() !== ownLevel) found.level = level();
  return found;
}

function keepAddress() {
  const query = new URLSearchParams();
  const user = form.elements.user?.value;
  if (user) query.set("user", user);
  for (const lever of levers.filter(isChanged)) query.set(lever.name, String(Number(lever.number.value)));
  if (level() !== ownLevel) query.set("level", level());
  history.replaceState(null, "", query.size ? `/what-if?${query}` : "/what-if");
}

function go() {
  wanted = true;
  movedAt = performance.now();
  if (!leastIsOld) {
    leastIsOld = true;
    document.getElementById("least").classList.add("old");
  }
  if (!busy) run();
}

async function run() {
  busy = true;
  let tries = 0;
  while ((wanted || leastIsOld) && tries < TRIES) {
    const rests = !wanted;
    if (rests && performance.now() - movedAt < REST_MS) {
      await later(BETWEEN_MS);
      continue;
    }
    wanted = false;
    try {
      if (rests) await rest();
      else show(await ask("POST", `${form.dataset.path}/what-if`, { changes: changes() }));
      say(document.getElementById("trouble"), "");
      tries = 0;
      await later(BETWEEN_MS);
    } catch (error) {
      if (!(error instanceof Refused)) {
        busy = false;
        throw error;
      }
      say(document.getElementById("trouble"), error.message, true);
      tries += 1;
      wanted = true;
      await later(AGAIN_MS);
    }
  }
  wanted = false;
  busy = false;
}

async function rest() {
  keepAddress();
  const asked = movedAt;
  const told = await ask("POST", `${form.dataset.path}/least-change`, { changes: changes() });
  if (asked !== movedAt) return; // moved on meanwhile: what is shown next is of the newest
  showLeast(told);
  leastIsOld = false;
  document.getElementById("least").classList.remove("old");
  const risk = document.querySelector("[data-side=then] .risk").textContent;
  document.getElementById("said").textContent = `Then ${risk}, ${document.getElementById("difference").textContent}.`;
}

function allBack(event) {
  event.preventDefault();
  for (const lever of levers) {
    lever.number.value = lever.own;
    slide(lever);
    lever.element.classList.remove("changed");
    lever.back.hidden = true;
  }
  form.elements.level.value = ownLevel;
  go();
}

// A newer score is not put under somebody's hands: they are told, and take it over when they like.
function watchForNewer() {
  const newer = document.getElementById("newer");
  new MutationObserver(() => {
    const version = document.querySelector("#live [data-version]")?.dataset.version;
    newer.hidden = !version || version === form.dataset.version;
  }).observe(document.getElementById("live"), { childList: true, subtree: true });
  newer.querySelector("a").addEventListener("click", (event) => {
    event.preventDefault();
    keepAddress();
    location.reload();
  });
}

if (answers) {
  form.querySelector(".work").hidden = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  for (const radio of form.querySelectorAll("[name=level]")) radio.addEventListener("change", go);
  document.getElementById("all-back").addEventListener("click", allBack);
  watchForNewer();
  // What was moved before this ran, or what the browser has kept of an earlier visit.
  for (const lever of levers) if (lever.number.value !== lever.number.defaultValue) moved(lever);
  if (!form.querySelector("[name=level]:checked").defaultChecked) go();
}

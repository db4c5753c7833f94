// The page Now moves also while nothing comes, which may be the news; an alert that has just come stands out and is said.
import { renew } from "../live.js";

const EVERY_MS = 5000; // what moves by the wall clock alone: how long something has been silent
const FRESH_MS = 2500; // as long as the style sheet lets it stand out

const live = document.getElementById("live");
const said = document.getElementById("said");
const cameAt = new Map(); // place of an alert -> when it came

let newest = Math.max(0, ...places().map(([place]) => place));

function places() {
  return [...live.querySelectorAll("li[data-place]")].map((alert) => [Number(alert.dataset.place), alert]);
}

function look() {
  const now = performance.now();
  const shown = places();
  const fresh = shown.filter(([place]) => place > newest);
  for (const [place] of fresh) cameAt.set(place, now);
  if (fresh.length) announce(fresh);
  // After a loss of data places begin anew.
  newest = Math.max(0, ...shown.map(([place]) => place));
  for (const [place, alert] of shown) markFresh(alert, now - (cameAt.get(place) ?? -FRESH_MS));
  for (const [place, at] of cameAt) if (now - at >= FRESH_MS) cameAt.delete(place);
}

function markFresh(alert, ageMs) {
  if (ageMs >= FRESH_MS || alert.classList.contains("fresh")) return;
  alert.classList.add("fresh");
  alert.style.animationDelay = `${-ageMs}ms`; // the part may be renewed meanwhile: it does not begin anew
}

function announce(fresh) {
  const words = ([, alert]) => ["a.user", ".key", ".story"]
    .map((each) => alert.querySelector(each).textContent.trim()).join(", ");
  const count = fresh.length === 1 ? "New alert" : `${fresh.length} new alerts, the newest`;
  said.textContent = `${count}: ${words(fresh[0])}`;
}

new MutationObserver(look).observe(live, { childList: true, subtree: true });
setInterval(() => {
  if (!document.hidden) renew();
}, EVERY_MS);

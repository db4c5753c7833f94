"use strict";
// The page reads without this script. With it, figures renew themselves and times stand in the viewer's zone.

const EVERY_MS = 2000;
const SLOWEST_MS = 15000;
const PATIENCE_MS = 6000;

const live = document.getElementById("live");
const link = document.getElementById("link");
const read = document.getElementById("read");
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const shown = new Map(); // part name -> HTML as the server sent it, before times were put into the zone
let lostAt = null;
let failures = 0;
let timer = 0;

function localise(root) {
  for (const time of root.querySelectorAll("time[data-absolute]")) {
    time.textContent = absolute.format(new Date(time.dateTime));
  }
  for (const time of root.querySelectorAll("time[data-relative]")) {
    const utc = time.title;
    time.title = `${absolute.format(new Date(time.dateTime))}\n${utc}`;
  }
}

function say(state, text) {
  link.dataset.state = state;
  if (link.textContent !== text) link.textContent = text;
}

// What somebody is marking with the mouse stays under their hand until they let go.
function beingRead(part) {
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

function partsOf(root) {
  return [...root.querySelectorAll("[data-part]")];
}

function show(html) {
  const next = new DOMParser().parseFromString(html, "text/html");
  const incoming = partsOf(next);
  const current = partsOf(live);
  const same = incoming.length === current.length
    && incoming.every((part, i) => part.dataset.part === current[i].dataset.part);
  if (!same) {
    shown.clear();
    for (const part of incoming) shown.set(part.dataset.part, part.innerHTML);
    live.replaceChildren(...next.body.childNodes);
    localise(live);
    return;
  }
  incoming.forEach((part, i) => {
    const raw = part.innerHTML;
    if (shown.get(part.dataset.part) === raw || beingRead(current[i])) return;
    shown.set(part.dataset.part, raw);
    current[i].replaceChildren(...part.childNodes);
    localise(current[i]);
  });
}

async function renew() {
  try {
    const answer = await fetch("/?fragment=1", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    // A 503 of our own is a page too: it says in words what is wrong.
    const isPage = (answer.headers.get("content-type") || "").startsWith("text/html");
    if (!isPage || !(answer.ok || answer.status === 503)) throw new Error(`answer ${answer.status}`);
    show(await answer.text());
    failures = 0;
    lostAt = null;
    const now = new Date();
    read.dateTime = now.toISOString();
    read.textContent = clockTime.format(now);
    read.title = now.toUTCString();
    say(answer.ok ? "live" : "waiting", answer.ok ? "Live" : "Waiting for Redis");
  } catch {
    failures += 1;
    lostAt = lostAt || new Date();
    say("lost", `Connection lost at ${clockTime.format(lostAt)}. These figures are from before; trying again.`);
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden) return;
  timer = setTimeout(renew, Math.min(EVERY_MS * 1.5 ** failures, SLOWEST_MS));
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) renew();
});
window.addEventListener("online", () => {
  clearTimeout(timer);
  renew();
});

localise(document);
if (live.querySelector("[data-part=problem]")) say("waiting", "Waiting for Redis");
else say("live", "Live");
schedule();

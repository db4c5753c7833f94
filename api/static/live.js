// Keeps the part of the page that moves as new as the server has it: told that something has changed, it asks for it.
import { drawAll, keepDrawings } from "./charts.js";
import { localise, said, saidClock } from "./times.js";

const BETWEEN_MS = 1000; // two renewals are at least so far apart
const PATIENCE_MS = 6000;
const AGAIN_MS = 3000;

const live = document.getElementById("live");
const link = document.getElementById("link");
const read = document.getElementById("read");

const partsOf = (root) => [...root.querySelectorAll("[data-part]")];

// Part name -> HTML as the server sent it: read here, before anything is put into the viewer's zone.
const shown = new Map(partsOf(live ?? document).map((part) => [part.dataset.part, part.innerHTML]));
let lostAt = null;
let renewing = false;
let renewedAt = 0;
let timer = 0;
let owed = false; // whether it was to be renewed while nobody saw it
let watched = ""; // what is listened to; nothing on a page that does not renew itself
let have = ""; // the state of it that is shown, or is being asked for
let source = null;
const begunWithout = live?.querySelector("[data-name=redis-unavailable]") ?? null;

function tell(state, text) {
  if (!link) return;
  if (state) link.dataset.state = state;
  else delete link.dataset.state;
  if (link.textContent !== text) link.textContent = text;
}

function lost() {
  lostAt = lostAt || new Date();
  tell("lost", `Connection lost at ${saidClock(lostAt)}. These figures are from before; trying again.`);
}

// What somebody is marking with the mouse or writing into stays under their hand until they let go.
function isHeld(part) {
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return true;
  const focused = document.activeElement;
  return part.contains(focused) && focused.matches("input, select, textarea");
}

// Puts new content into a part: drawings are moved on, what was unfolded stays so, and the focus stays where it was.
function replace(part, children) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const unfolded = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  const fresh = document.createElement("div");
  fresh.append(...children);
  keepDrawings(part, fresh);
  part.replaceChildren(...fresh.childNodes);
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  localise(part);
  drawAll(part);
  if (focused && !part.contains(document.activeElement)) again(part, focused)?.focus();
}

function again(part, focused) {
  if (focused.id) return document.getElementById(focused.id);
  const href = focused.getAttribute("href");
  return href && [...part.querySelectorAll("a")].find((each) => each.getAttribute("href") === href);
}

function show(html) {
  const next = new DOMParser().parseFromString(html, "text/html");
  follow(next);
  const incoming = partsOf(next);
  const current = partsOf(live);
  const same = incoming.length === current.length
    && incoming.every((part, i) => part.dataset.part === current[i].dataset.part);
  if (!same) {
    shown.clear();
    for (const part of incoming) shown.set(part.dataset.part, part.innerHTML);
    replace(live, [...next.body.childNodes]);
    return;
  }
  incoming.forEach((part, i) => {
    const raw = part.innerHTML;
    if (shown.get(part.dataset.part) === raw) return;
    if (isHeld(current[i])) {
      renewIn(AGAIN_MS); // perhaps they have let go by then
      return;
    }
    shown.set(part.dataset.part, raw);
    replace(current[i], [...part.childNodes]);
  });
}

function here() {
  const address = new URL(location.href);
  address.searchParams.set("fragment", "1");
  address.hash = "";
  return address;
}

// Some problems of our own are the page now: they say in words what is wrong.
function isShown(answer) {
  const isPage = (answer.headers.get("content-type") || "").startsWith("text/html");
  return isPage && (answer.ok || [403, 404, 503].includes(answer.status));
}

// The server is there, but has no page now.
function refused(answer) {
  lostAt = null;
  const often = answer.status === 429;
  tell("waiting", `${often ? "Too many requests" : `The server answered ${answer.status}`}; trying again`);
  renewIn(Number(answer.headers.get("retry-after")) * 1000 || AGAIN_MS);
}

export async function renew() {
  if (renewing) {
    renewIn(BETWEEN_MS);
    return;
  }
  renewing = true;
  try {
    const answer = await fetch(here(), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) {
      location.reload(); // the session is over: to the door
      return;
    }
    if (!isShown(answer)) {
      refused(answer);
      return;
    }
    if (answer.ok && begunWithout) {
      location.reload(); // all that stands around the part that moves was missing too
      return;
    }
    show(await answer.text());
    renewedNow(answer.status === 503);
  } catch {
    lost();
    renewIn(AGAIN_MS);
  } finally {
    renewing = false;
    renewedAt = performance.now();
  }
}

function renewedNow(waiting) {
  lostAt = null;
  const now = new Date();
  read.dateTime = now.toISOString();
  read.textContent = saidClock(now);
  read.title = `${said(now)}\n${now.toUTCString()}`;
  if (waiting) {
    tell("waiting", "Waiting for Redis");
    renewIn(AGAIN_MS);
  } else tell(...(watched ? ["live", "Live"] : ["", ""]));
}

function renewIn(ms) {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    if (document.hidden) owed = true;
    else renew();
  }, Math.max(0, ms));
}

// What has changed is asked for at once, but not more often than somebody can read.
const changed = () => renewIn(renewedAt + BETWEEN_MS - performance.now());

function listen() {
  source?.close();
  source = null;
  if (!watched || document.hidden) return;
  const mine = new EventSource(`/live?${new URLSearchParams({ watch: watched, have })}`);
  source = mine;
  mine.addEventListener("changed", (event) => {
    have = event.lastEventId;
    changed();
  });
  mine.addEventListener("error", () => {
    // Whether the server is gone, or waits itself, shows when it is asked; until it tells of changes again, every
    // attempt to listen asks.
    changed();
    // One that was refused does not try again by itself.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => mine === source && listen(), AGAIN_MS);
  });
}

// Listens to what a page, or new content of it, says that it watches: of some, that changes with what is asked for.
function follow(root) {
  const part = root.querySelector("[data-part][data-watch]");
  const next = part?.dataset.watch ?? document.body.dataset.watch ?? "";
  if (next === watched) return;
  watched = next;
  have = "";
  listen();
}

export function keepLive() {
  if (!live) return;
  have = document.body.dataset.state ?? "";
  watched = document.body.dataset.watch ?? "";
  // A page that nobody sees asks for nothing, and is new again when it is looked at.
  document.addEventListener("visibilitychange", () => {
    listen();
    if (document.hidden || !(watched || owed)) return;
    owed = false;
    renew();
  });
  if (begunWithout) {
    tell("waiting", "Waiting for Redis");
    renewIn(AGAIN_MS);
  } else if (watched) tell("live", "Live");
  listen();
}

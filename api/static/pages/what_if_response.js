// Puts an answer of the API into the page, in the words of api/console/what_if_words.py.

const response = document.getElementById("response");
const units = response ? JSON.parse(response.dataset.units) : {};
const SCALES = [0.1, 0.25, 0.5, 1];

const percent = (share) => `${(share * 100).toFixed(0)}\u202f%`;
const bandWords = (band) => (band === "none" ? "no band" : band);
const written = (value) => String(Number(value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)));

function differenceWords(difference) {
  if (Math.abs(difference) < 0.0005) return "no difference";
  return `${difference > 0 ? "+" : "\u2212"}${Math.abs(difference * 100).toFixed(1)} points`;
}

function showSide(name, answer) {
  const side = response.querySelector(`[data-side=${name}]`);
  const put = (where, text) => { side.querySelector(where).textContent = text; };
  put(".risk", percent(answer.risk));
  put(".cancel-risk", percent(answer.p_cancel));
  put(".lapse-risk", percent(answer.p_lapse));
  const band = side.querySelector(".band");
  band.className = `band ${answer.band}`;
  band.textContent = bandWords(answer.band);
  const [cancel, lapse] = [side.querySelector(".bar .cancel"), side.querySelector(".bar .lapse")];
  cancel.setAttribute("width", `${answer.p_cancel * 100}%`);
  lapse.setAttribute("x", `${answer.p_cancel * 100}%`);
  lapse.setAttribute("width", `${answer.p_lapse * 100}%`);
}

function showPulls(answer) {
  const most = Math.max(0, ...answer.reasons.map((each) => Math.abs(each.difference)));
  const room = SCALES.find((each) => most <= each) ?? 1;
  document.getElementById("room").textContent = String(Math.round(room * 100));
  for (const row of response.querySelectorAll("[data-driver]")) {
    const reason = answer.reasons.find((each) => each.driver === row.dataset.driver);
    const width = reason ? Math.min(50, (Math.abs(reason.difference) / room) * 50) : 0;
    const raises = reason !== undefined && reason.difference > 0;
    const bar = row.querySelector(".pull");
    bar.setAttribute("class", `pull ${raises ? "cancel" : "lapse"}`);
    bar.setAttribute("x", `${raises ? 50 : 50 - width}%`);
    bar.setAttribute("width", `${width}%`);
    row.querySelector("small").textContent = reason?.words ?? "";
    row.querySelector(".number").textContent = reason ? differenceWords(reason.difference) : "none";
    row.classList.toggle("main", row.dataset.driver === answer.driver);
  }
}

export function show(told) {
  showSide("now", told.now);
  showSide("then", told.then);
  document.getElementById("difference").textContent = differenceWords(told.difference);
  document.getElementById("told").textContent = told.then.driver
    ? `An alert would go to whoever takes care of ${told.then.driver}.`
    : "Nothing raises the risk above a typical user's, so an alert would name no driver.";
  showPulls(told.then);
}

function movedWords(change) {
  if (change.lever === "level") return `the ${change.then} plan in place of the ${change.now} one`;
  return `${units[change.lever]}: ${change.then > change.now ? "up" : "down"} from ${written(change.now)} to ${written(change.then)} a day`;
}

function leastWords(told) {
  if (told.below === null || told.now.risk < told.below) {
    const where = told.band === "none" ? "in no band" : `in the ${told.band} band`;
    return [`Somebody ${where} has none to leave: there is nothing to change.`, []];
  }
  const begin = `The ${told.band} band is left below ${percent(told.below)}.`;
  const then = percent(told.then.risk);
  const end = told.reachable ? `This would be enough, and lead to ${then}:` : `Not even all of this is enough; it leads to ${then}:`;
  return [`${begin} ${end}`, told.changes.map(movedWords)];
}

export function showLeast(told) {
  const [sentence, moved] = leastWords(told);
  document.getElementById("least-words").textContent = sentence;
  const list = document.getElementById("least-moved");
  list.hidden = moved.length === 0;
  list.replaceChildren(...moved.map((each) => {
    const item = document.createElement("li");
    item.textContent = each;
    return item;
  }));
}

// The threshold of the high band, tried on the past: what the server has worked out, at one place or another.
import { Refused, ask } from "../ask.js";
import { redraw } from "../charts.js";
import { renew } from "../live.js";
import { sure } from "./alerting_sure.js";

const REST_MS = 300; // a browser takes an address only so often

export function startThreshold(tell) {
  const figure = document.getElementById("tradeoff");
  const slider = document.getElementById("threshold");
  if (!figure || !slider) return;
  let timer = 0;
  let figures = JSON.parse(figure.dataset.figures);
  const capacity = document.getElementById("capacity");
  const use = document.getElementById("use");
  const put = (id, text) => { document.getElementById(id).textContent = text; };
  const draw = (changes) => {
    figures = { ...figures, ...changes };
    redraw(figure, figures);
  };

  function showThreshold() {
    const place = Number(slider.value);
    const words = figures.words[place];
    put("threshold-words", words.high);
    slider.setAttribute("aria-valuetext", `${words.high}: ${words.alerts} alerts a day, ${words.precision} came true`);
    for (const name of ["alerts", "precision", "decided", "repeats", "lead"]) put(`at-${name}`, words[name]);
    if (use) use.closest("p").hidden = place === figures.now;
    draw({ chosen: place });
  }

  function showCapacity() {
    if (!capacity.validity.valid || capacity.value === "") return;
    const most = Number(capacity.value);
    // A lower threshold may bring fewer alerts: who is above it all along enters it never.
    const place = figures.alerts.findLastIndex((each) => each > most) + 1;
    put("fits", place === figures.alerts.length
      ? "At no threshold here could the team take all of them."
      : `From ${figures.words[place].high} on the team can take all of them.`);
    draw({ capacity: most });
    clearTimeout(timer);
    timer = setTimeout(keepAddress, REST_MS);
  }

  function keepAddress() {
    const address = new URL(location.href);
    address.searchParams.set("capacity", capacity.value);
    history.replaceState(null, "", address);
  }

  slider.closest("p").hidden = false;
  slider.addEventListener("input", showThreshold);
  capacity.addEventListener("input", showCapacity);
  capacity.form.addEventListener("submit", (event) => event.preventDefault());
  if (use) {
    use.addEventListener("click", () => useIt(figures, Number(slider.value), tell));
  }
  noticeChange();
  // What was moved before this ran, or what the browser has kept of an earlier visit.
  if (Number(slider.value) !== figures.now) showThreshold();
  if (capacity.value !== capacity.defaultValue) showCapacity();
}

async function useIt(figures, place, tell) {
  const [now, then] = [figures.words[figures.now], figures.words[place]];
  const text = `By the past it would have brought: ${then.sentence}. Now, at ${now.high}: ${now.sentence}. Bands are set anew without an alert.`;
  if (!(await sure(`Let the high band begin at ${then.high}?`, text, "Use this threshold"))) return;
  try {
    await ask("PATCH", "/v1/policy", { high: Number((figures.thresholds[place] / 100).toFixed(5)) });
    tell(`The high band begins at ${then.high} as soon as publish takes it over.`);
    renew();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(error.message, true);
  }
}

// The chart is not moved under somebody's hand; it is said when it is of a policy that was.
function noticeChange() {
  const choose = document.getElementById("choose");
  new MutationObserver(() => {
    const high = document.getElementById("policy-state")?.dataset.high;
    document.getElementById("changed-since").hidden = high === undefined || high === choose.dataset.high;
  }).observe(document.getElementById("live"), { childList: true, subtree: true });
}

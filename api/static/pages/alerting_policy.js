// Changing the policy: tried on the past first, then applied by whoever still wants it.
import { ask, onSend, say } from "../ask.js";
import { renew } from "../live.js";
import { sure } from "./alerting_sure.js";

const SHARES = ["high", "medium", "exit_ratio", "rise"]; // people read them in per cent

// What is other than it was; nothing takes a change back.
function changes(form) {
  const found = {};
  for (const input of form.querySelectorAll("input")) {
    if (input.value === input.dataset.held) continue;
    if (input.value.trim() === "") found[input.name] = null;
    else if (input.type !== "number") found[input.name] = input.value.trim();
    else found[input.name] = SHARES.includes(input.name) ? Number((Number(input.value) / 100).toFixed(6)) : Number(input.value);
  }
  return found;
}

const percent = (share) => `${(share * 100).toFixed(0)}\u202f%`;
const rate = (value) => (value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2))));

function said(told) {
  const alerts = `${rate(told.alerts_per_day)} alerts a day over ${told.days.toFixed(0)} days of ${told.users} users`;
  if (told.precision === null) return `${alerts}; none of them is decided yet`;
  const lead = told.lead_days === null ? "" : `, ${told.lead_days.toFixed(1)} days before the user left (median)`;
  return `${alerts}; ${percent(told.precision)} of ${told.decided} that are decided came true${lead}; ${told.repeats} repeats`;
}

function paragraph(text, className = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = className;
  return made;
}

// Puts what is chosen now into the form: others change it, too, while the page is open.
export function fillPolicy(fields) {
  const form = document.getElementById("policy-form");
  for (const { name, value } of fields) {
    const input = form.elements[name];
    input.value = value;
    input.dataset.held = input.value;
  }
  say(form.querySelector("output"), "");
  form.dispatchEvent(new Event("input")); // what was tried was another policy
}

export function startPolicy(tell) {
  const form = document.getElementById("policy-form");
  if (!form) return;
  const apply = document.getElementById("policy-apply");
  const tried = document.getElementById("policy-tried");
  const attempt = form.querySelector("[value=try]");
  const forget = () => {
    apply.hidden = true;
    attempt.className = "first";
    tried.replaceChildren();
  };
  form.addEventListener("input", forget);
  onSend(form, async (_, button) => {
    const wrong = [...form.querySelectorAll("input")].find((input) => !input.validity.valid);
    if (wrong) {
      wrong.reportValidity();
      return "";
    }
    const given = changes(form);
    if (Object.keys(given).length === 0) return "Nothing is other than it was.";
    if (button?.value !== "apply") {
      // One after the other: one backtest is made at a time.
      const then = await ask("POST", "/v1/policies/backtest", given);
      const now = await ask("POST", "/v1/policies/backtest", {});
      tried.replaceChildren(paragraph(`With it: ${said(then)}.`), paragraph(`Now: ${said(now)}.`), paragraph(then.coarse, "note"));
      apply.hidden = false;
      attempt.className = "";
      apply.focus();
      return "";
    }
    await ask("PATCH", "/v1/policy", given);
    forget();
    form.closest("dialog").close();
    tell("The policy was changed; publish takes it over within two seconds, if it runs.");
    renew();
    return "";
  });
}

export async function resetPolicy() {
  const text = "What was chosen here is given up. Bands are set anew without an alert.";
  if (!(await sure("Go back to the policy of the settings?", text, "Go back"))) return "";
  await ask("DELETE", "/v1/policy");
  renew();
  return "The policy is that of the settings again.";
}

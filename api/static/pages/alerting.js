// The page Alerting: dialogs, and whatever is pressed in the part that moves.
import { attempt, say } from "../ask.js";
import { fillPolicy, resetPolicy, startPolicy } from "./alerting_policy.js";
import { startThreshold } from "./alerting_threshold.js";
import { acts, startWebhooks } from "./alerting_webhooks.js";

const told = document.getElementById("told");
let timer = 0;

// Says how something went, for as long as it takes to read.
export function tell(text, wrong = false) {
  say(told, text, wrong);
  clearTimeout(timer);
  timer = setTimeout(() => say(told, ""), wrong ? 15000 : 7000);
}

function act(button) {
  const work = { "reset-policy": resetPolicy, ...acts }[button.dataset.act];
  attempt(button, () => work(button.dataset), (text, wrong) => text && tell(text, wrong));
}

// Buttons in the part that moves come and go, so the document listens for them.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act], [data-open], [data-close]");
  if (!button) return;
  if (button.dataset.act) act(button);
  else if (button.dataset.open) {
    if (button.dataset.fields) fillPolicy(JSON.parse(button.dataset.fields));
    document.getElementById(button.dataset.open).showModal();
  }
  else button.closest("dialog").close();
});

startThreshold(tell);
startPolicy(tell);
startWebhooks(tell);

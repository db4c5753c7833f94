// Marks a user, ends marks, and forgets a user, through the public API.
import { Refused, ask, attempt, onSend, say } from "../ask.js";
import { renew } from "../live.js";
import { said } from "../times.js";

const actions = document.getElementById("actions");
const at = actions.dataset.at;
const HOUR_MS = 3600 * 1000;

// What is read to the left and right of a line break is one thing to whoever types.
const plain = (text) => text.replace(/\s+/g, " ").trim();

const mark = document.getElementById("mark");
if (mark) {
  const span = mark.elements.span;
  const until = mark.elements.until;
  const today = new Date();
  until.min = [today.getFullYear(), today.getMonth() + 1, today.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  span.addEventListener("change", () => {
    const dated = span.value === "until";
    document.getElementById("until-field").hidden = !dated;
    until.required = dated;
    if (dated) until.focus();
  });

  onSend(mark, async (form, button) => {
    const kind = button?.value ?? "acknowledge";
    await ask("POST", `${at}/${kind}`, { hours: hours(form), note: form.get("note") });
    mark.elements.note.value = "";
    await renew();
    return kind === "snooze" ? "Snoozed." : "Acknowledged.";
  });
}

function hours(form) {
  if (form.get("span") !== "until") return Number(form.get("span"));
  const [year, month, day] = form.get("until").split("-").map(Number);
  const end = new Date(year, month - 1, day + 1);
  if (!(end > Date.now())) throw new Refused("Choose a day that is not over.");
  return (end - Date.now()) / HOUR_MS;
}

// The buttons that end a mark come and go with the part that shows it.
document.getElementById("live").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-end]");
  if (!button) return;
  attempt(button, async () => {
    await ask("DELETE", `${at}/${button.dataset.end}`);
    mark.elements.span.focus();
    await renew();
    return button.dataset.end === "snooze" ? "The snooze has ended." : "The acknowledgement has ended.";
  }, (text, wrong) => say(mark.querySelector("output"), text, wrong));
});

const dialog = document.getElementById("forget");
if (dialog) {
  const form = document.getElementById("forget-form");
  const typed = form.elements.typed;
  const button = document.getElementById("forget-do");
  const matches = () => plain(typed.value) === plain(actions.dataset.user);

  document.getElementById("forget-open").addEventListener("click", () => {
    typed.value = "";
    button.disabled = true;
    say(form.querySelector("output"), "");
    dialog.showModal();
  });
  typed.addEventListener("input", () => {
    button.disabled = !matches();
  });
  for (const each of dialog.querySelectorAll("[data-close]")) each.addEventListener("click", () => dialog.close());
  onSend(form, async () => {
    if (!matches()) throw new Refused("This is not the id.");
    show(await ask("DELETE", at));
    await renew();
    return "";
  });

  function show(receipt) {
    form.hidden = true;
    document.getElementById("receipt-when").textContent =
      `${said(new Date(receipt.forgotten_at))}. From now on this user is known only by the marker ${receipt.marker}.`;
    const erased = receipt.erased.filter((each) => each.count > 0).map((each) => `${each.what}: ${each.count.toLocaleString("en")}`);
    fill("receipt-erased", erased.length ? erased : ["Nothing was left to erase."]);
    fill("receipt-remains", receipt.remains.map((each) => `${each.what}, in ${each.where}, until: ${each.until}`));
    const shown = document.getElementById("receipt");
    shown.hidden = false;
    shown.focus();
  }

  function fill(id, lines) {
    document.getElementById(id).replaceChildren(...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }));
  }
}

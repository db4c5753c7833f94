// Endpoints and deliveries: made, switched, tested, replayed, taken away.
import { ask, onSend } from "../ask.js";
import { renew } from "../live.js";
import { sure } from "./alerting_sure.js";

const of = (endpoint) => `/v1/endpoints/${encodeURIComponent(endpoint)}`;

// From now on the page shows the deliveries of this endpoint.
function look(endpoint) {
  const address = new URL(location.href);
  address.searchParams.set("endpoint", endpoint);
  history.replaceState(null, "", address);
  return renew();
}

function showSecret(name, secret) {
  document.getElementById("secret-of").textContent = name;
  document.getElementById("secret").textContent = secret;
  document.getElementById("copied").textContent = "";
  document.getElementById("secret-dialog").showModal();
}

async function ping({ endpoint, name }) {
  await ask("POST", `${of(endpoint)}/ping`);
  look(endpoint);
  return `A test goes to ${name}. What becomes of it is shown there.`;
}

async function change(endpoint, state) {
  await ask("PATCH", of(endpoint), { state });
  renew();
}

async function enable({ endpoint, name }) {
  await change(endpoint, "enabled");
  return `${name} is enabled; what has waited is sent.`;
}

async function disable({ endpoint, name }) {
  await change(endpoint, "disabled");
  return `${name} is disabled; what comes meanwhile is not sent to it.`;
}

async function rotate({ endpoint, name }) {
  const text = "It gets another secret. For a day everything is signed with both, so that its receiver has time to change.";
  if (!(await sure(`Rotate the secret of ${name}?`, text, "Rotate it"))) return "";
  const { secret } = await ask("POST", `${of(endpoint)}/rotate-secret`);
  showSecret(name, secret);
  renew();
  return "";
}

async function remove({ endpoint, name }) {
  const text = "All of its deliveries are erased with it, those that wait, too. There is no way back.";
  if (!(await sure(`Delete ${name}?`, text, "Delete it", true))) return "";
  await ask("DELETE", of(endpoint));
  renew();
  return `${name} was deleted.`;
}

async function replay({ delivery }) {
  await ask("POST", `/v1/deliveries/${encodeURIComponent(delivery)}/replay`);
  renew();
  return "It is sent once more, with the same id.";
}

let replaying = "";

function askSince({ endpoint, name }) {
  replaying = endpoint;
  document.getElementById("replay-of").textContent = name;
  const since = document.getElementById("replay-since");
  if (!since.value) {
    const day = new Date(Date.now() - 86_400_000);
    since.value = new Date(day - day.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }
  document.getElementById("replay-dialog").showModal();
  return "";
}

export const acts = { ping, enable, disable, rotate, delete: remove, replay, "replay-dead": askSince };

function wanted(data) {
  const types = data.getAll("types");
  const filter = Object.fromEntries(["bands", "drivers", "levels", "kinds"].map((name) => [name, data.getAll(name)]));
  filter.least_rise = Number(data.get("least_rise") || 0) / 100;
  return { url: data.get("url"), description: data.get("description"), format: data.get("format"), types, filter };
}

export function startWebhooks(tell) {
  const form = document.getElementById("endpoint-form");
  if (!form) return;
  form.querySelector("[name=types]").checked = true;
  onSend(form, async (data) => {
    if (!data.getAll("types").length) return "Choose what it is told of.";
    const made = await ask("POST", "/v1/endpoints", wanted(data));
    form.reset();
    form.querySelector("[name=types]").checked = true;
    form.closest("dialog").close();
    showSecret(made.description || new URL(made.url).hostname, made.secret);
    look(made.id);
    return "";
  });
  const again = document.getElementById("replay-form");
  onSend(again, async (data) => {
    const since = new Date(data.get("since")).toISOString();
    const { deliveries } = await ask("POST", `${of(replaying)}/replay`, { since });
    again.closest("dialog").close();
    tell(deliveries === 0 ? "None had died since then." : `${deliveries} are sent once more.`);
    renew();
    return "";
  });
  // A secret is nowhere on the page once its dialog is closed.
  document.getElementById("secret-dialog").addEventListener("close", () => {
    document.getElementById("secret").textContent = "";
  });
  document.getElementById("copy-secret").addEventListener("click", async () => {
    const secret = document.getElementById("secret");
    const copied = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(secret.textContent);
      copied.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(secret);
      copied.textContent = "It is marked: copy it by hand.";
    }
  });
}

// Asks the API as the person who is signed in, and tells in words what went wrong.

const PATIENCE_MS = 20000;

export class Refused extends Error {}

// The answer's JSON, null for none. Throws Refused, whose message can be shown.
export async function ask(method, path, body) {
  // A browser takes . and .. for steps in the path, encoded or not: it would ask about somebody else.
  if (new URL(path, location.href).pathname !== path.split("?")[0]) {
    throw new Refused("A browser cannot ask about a user whose id is . or ..: use the API.");
  }
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new Refused("The server cannot be reached. Nothing was changed; try again in a moment.");
  }
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  if (answer.status === 401) throw new Refused("You are signed out. Reload the page to sign in.");
  throw new Refused(told.detail || told.title || `The server answered ${answer.status}.`);
}

// Says something to whoever sees the page and to whoever hears it.
export function say(element, text, wrong = false) {
  element.textContent = text;
  element.classList.toggle("wrong", wrong);
  element.hidden = text === "";
}

// Does something for which a button was pressed: it waits meanwhile, and how it went is told: (text, wrong).
export async function attempt(button, work, tell) {
  button.disabled = true;
  try {
    tell((await work()) || "", false);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(error.message, true);
  } finally {
    button.disabled = false;
  }
}

// A form that asks the API when it is sent; its output tells how it went.
export function onSend(form, work) {
  const output = form.querySelector("output");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter || form.querySelector("button");
    attempt(button, () => work(new FormData(form), event.submitter), (text, wrong) => say(output, text, wrong));
  });
}

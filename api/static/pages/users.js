// A filter that is changed shows its users at once, without a new page: whoever goes through the choices keeps the focus.
import { renew } from "../live.js";

const form = document.getElementById("filters");
const said = document.getElementById("said");

function wanted() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
  return query.size ? `/users?${query}` : "/users";
}

async function show() {
  await renew();
  said.textContent = document.querySelector("#live h1")?.textContent ?? "";
}

form.addEventListener("change", (event) => {
  if (!event.target.matches("select")) return;
  history.pushState(null, "", wanted());
  show();
});

// A search goes to the server's own answer, which leads straight to a user whose id it is.
form.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(wanted());
});

addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  for (const field of form.querySelectorAll("[name]")) field.value = query.get(field.name) ?? "";
  show();
});

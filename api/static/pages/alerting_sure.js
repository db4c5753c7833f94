// Asks whether somebody is sure; true if they are.
export function sure(title, text, verb, danger = false) {
  const dialog = document.getElementById("sure-dialog");
  document.getElementById("sure-title").textContent = title;
  document.getElementById("sure-text").textContent = text;
  const yes = document.getElementById("sure-yes");
  yes.textContent = verb;
  yes.className = danger ? "danger" : "first";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// Times in the viewer's zone; pointing at one shows it in UTC.

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const said = (date) => absolute.format(date);
export const saidClock = (date) => clockTime.format(date);

export function localise(root) {
  for (const time of root.querySelectorAll("time[data-absolute]")) {
    time.textContent = said(new Date(time.dateTime));
  }
  for (const time of root.querySelectorAll("time[data-relative]")) {
    const utc = time.title;
    time.title = `${said(new Date(time.dateTime))}\n${utc}`;
  }
}

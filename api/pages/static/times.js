// Times: every <time> is shown in the reader's own zone; the server's UTC stays as its title.

export function localise(root) {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const element of root.querySelectorAll("time[datetime]")) {
    if (element.title) continue;
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.textContent;
    element.textContent = shown.format(moment);
  }
}

localise(document);

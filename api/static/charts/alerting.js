// Alerts a day above, their precision with its interval below, over the same thresholds.

const vertical = (x, line) => ({ type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line });

export function tradeoff(figures, theme) {
  const { thresholds, alerts, precision, low, top, words, capacity } = figures;
  const known = thresholds.map((_, place) => place).filter((place) => precision[place] !== null);
  const of = (values) => known.map((place) => values[place]);
  const hover = { hovertemplate: "%{customdata}<extra></extra>" };
  const invisible = { mode: "lines", line: { width: 0 }, hoverinfo: "skip", xaxis: "x", yaxis: "y2" };
  const now = thresholds[figures.now];
  const chosen = thresholds[figures.chosen];
  const data = [
    { x: of(thresholds), y: of(low), ...invisible },
    { x: of(thresholds), y: of(top), ...invisible, fill: "tonexty", fillcolor: theme.colour("track") },
    {
      x: thresholds, y: alerts, mode: "lines+markers", ...theme.lines.plain, marker: { color: theme.colour("lapse"), size: 6 },
      customdata: words.map((each) => `from ${each.high}: ${each.alerts} alerts a day, repeats ${each.repeats}`), ...hover,
    },
    {
      x: of(thresholds), y: of(precision), mode: "lines+markers", ...theme.lines.cancel, yaxis: "y2",
      marker: { color: theme.colour("cancel"), symbol: "diamond", size: 7 },
      customdata: of(words).map((each) => `from ${each.high}: ${each.precision} came true, 95 % interval ${each.interval}, ${each.decided}`),
      ...hover,
    },
  ];
  const highest = Math.max(...alerts, 0);
  const room = Math.max(highest, Math.min(capacity, highest * 2), 0.1) * 1.12;
  const span = Math.max(2, thresholds.at(-1) - thresholds[0]);
  const range = [thresholds[0] - span * 0.03, thresholds.at(-1) + span * 0.03];
  const shapes = [
    vertical(now, { color: theme.colour("edge"), width: 1.5, dash: "2px,3px" }),
    vertical(chosen, { color: theme.colour("ink"), width: 1.5 }),
    {
      type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: capacity, y1: capacity,
      line: { color: theme.colour("good"), width: 1.5, dash: "8px,4px" },
    },
  ];
  const note = { showarrow: false, font: { color: theme.colour("soft") } };
  const annotations = [
    { ...note, xref: "x", x: now, yref: "paper", y: 1, yanchor: "bottom", text: "now" },
    { ...note, xref: "paper", x: 1, xanchor: "right", yref: "y", y: Math.min(capacity, room), yanchor: capacity > room * 0.9 ? "top" : "bottom", text: "what the team can take" },
  ];
  return {
    data,
    layout: {
      shapes, annotations,
      margin: { l: 8, r: 8, t: 22, b: 8 },
      xaxis: { ...theme.axis, anchor: "y2", range, ticksuffix: " %", title: { ...theme.axis.title, text: "high band from a risk of" } },
      yaxis: { ...theme.axis, domain: [0.54, 1], range: [0, room], title: { ...theme.axis.title, text: "alerts a day" } },
      yaxis2: { ...theme.axis, domain: [0, 0.44], range: [0, 104], tickvals: [0, 50, 100], ticktext: ["0 %", "50 %", "100 %"], title: { ...theme.axis.title, text: "came true" } },
    },
  };
}

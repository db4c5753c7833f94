// One user's risk as two areas, and below it on the same time axis the events that moved it.

const ROW = 1; // height of a lane
const SMALLEST = 5;
const LARGEST = 17;

export function risk(figures, theme) {
  const lanes = [...figures.lanes.map((lane) => lane.name), "Plan", "Silence"];
  const row = (name) => (lanes.length - 1 - lanes.indexOf(name)) * ROW;
  const hasLanes = figures.plans.length > 0 || figures.silences.length > 0;
  const low = hasLanes ? 0.44 : 0;
  return {
    data: [
      ...areas(figures, theme),
      alerts(figures, theme),
      ...(hasLanes ? events(figures, theme, row) : []),
    ],
    layout: {
      margin: { l: 8, r: figures.bands.length ? 4.6 * theme.layout.font.size : 8, t: 8, b: 8 },
      xaxis: { ...theme.axis, type: "date", anchor: hasLanes ? "y2" : "y", showgrid: true, range: span(figures) },
      yaxis: { ...theme.axis, domain: [low, 1], rangemode: "tozero", ticksuffix: "\u202f%", nticks: 5, range: [0, top(figures)] },
      yaxis2: {
        ...theme.axis, domain: [0, low ? low - 0.05 : 1], visible: hasLanes, zeroline: false,
        range: [-0.6, lanes.length - 0.4], tickmode: "array", tickvals: lanes.map(row), ticktext: lanes,
      },
      shapes: figures.bands.map(({ risk: at }) => ({
        type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: at, y1: at, layer: "above",
        line: { color: theme.colour("soft"), width: 1, dash: "2px,3px" },
      })),
      annotations: figures.bands.filter(({ risk: at }) => at < top(figures)).map(({ name, risk: at }) => ({
        text: name, xref: "paper", x: 1, xanchor: "left", xshift: 4, yref: "y", y: at, yanchor: "middle", showarrow: false,
        font: { color: theme.colour("soft") },
      })),
    },
  };
}

// A little room beside the first and the last point, for what is drawn around them.
function span({ at }) {
  const first = at[0];
  const last = at[at.length - 1];
  const beside = Math.max((last - first) * 0.015, 6 * 3600 * 1000);
  return [first - beside, last + beside];
}

function top({ cancel, lapse, bands, alerts: told }) {
  const risks = [...cancel.map((each, i) => each + lapse[i]), ...told.map((each) => each.risk)];
  const high = Math.max(...risks);
  const near = bands.filter(({ risk: at }) => at < 1.6 * high).map(({ risk: at }) => at);
  return Math.min(104, Math.max(5, 1.12 * Math.max(high, ...near)));
}

function areas({ at, cancel, lapse }, theme) {
  const when = ", %{x|%-d %b, %H:%M} UTC<extra></extra>";
  const both = cancel.map((each, i) => each + lapse[i]);
  return [
    {
      x: at, y: cancel, mode: "lines", fill: "tozeroy", ...theme.lines.cancel, fillcolor: theme.colour("cancel"),
      hovertemplate: `%{y:.1f}\u202f% to cancel${when}`,
    },
    {
      x: at, y: both, customdata: lapse, mode: "lines", fill: "tonexty", ...theme.lines.lapse,
      fillcolor: theme.colour("lapse-pale"),
      fillpattern: {
        shape: "/", fgcolor: theme.colour("lapse"), bgcolor: theme.colour("lapse-pale"), size: 8, solidity: 0.12,
      },
      hovertemplate: `%{customdata:.1f}\u202f% to lapse, %{y:.1f}\u202f% in all${when}`,
    },
  ];
}

function alerts({ alerts: told }, theme) {
  return {
    x: told.map((each) => each.at), y: told.map((each) => each.risk), text: told.map((each) => each.words),
    mode: "markers", cliponaxis: false,
    marker: { symbol: "triangle-up", size: 13, color: theme.colour("ink"), line: { color: theme.colour("ground"), width: 1.5 } },
    hovertemplate: "%{text}<extra></extra>",
  };
}

function events(figures, theme, row) {
  const soft = theme.colour("soft");
  return [
    ...figures.lanes.flatMap((lane) => counts(lane, row(lane.name), soft, theme)),
    ...strips(figures.plans.filter((each) => each.kind === "paid"), row("Plan"), { color: soft, width: 7 }),
    ...strips(figures.plans.filter((each) => each.kind === "free"), row("Plan"), { color: soft, width: 1.5 }),
    names(figures.plans, row("Plan"), theme),
    ...strips(figures.silences, row("Silence"), { color: soft, width: 7 }),
  ];
}

// A thin line over the time in which they came, and on it a disc whose area is their number.
function counts(lane, y, colour, theme) {
  const most = Math.max(...lane.marks.map((each) => each.count));
  return [
    ...strips(lane.marks, y, { color: theme.colour("edge"), width: 1 }),
    {
      x: lane.marks.map((each) => (each.since + each.until) / 2), y: lane.marks.map(() => y), yaxis: "y2",
      text: lane.marks.map((each) => each.words), mode: "markers",
      marker: {
        color: colour, opacity: 0.85, line: { width: 1, color: theme.colour("ground") },
        size: lane.marks.map((each) => Math.max(SMALLEST, LARGEST * Math.sqrt(each.count / most))),
      },
      hovertemplate: "%{text}<extra></extra>",
    },
  ];
}

// Lines of one style as one trace, with a gap after each.
function strips(some, y, line) {
  if (some.length === 0) return [];
  const middle = (each) => (each.since + each.until) / 2;
  return [{
    x: some.flatMap((each) => [each.since, middle(each), each.until, null]),
    y: some.flatMap(() => [y, y, y, null]), yaxis: "y2", mode: "lines", line,
    text: some.flatMap((each) => [each.words, each.words, each.words, ""]), hovertemplate: "%{text}<extra></extra>",
  }];
}

function names(plans, y, theme) {
  return {
    x: plans.map((each) => (each.kind === "change" ? (each.since + each.until) / 2 : each.since)),
    y: plans.map((each) => (each.kind === "change" ? y : y + 0.12)), yaxis: "y2", text: plans.map((each) => (each.kind === "change" ? "" : each.kind)),
    customdata: plans.map((each) => each.words), mode: "markers+text", textposition: "top right", cliponaxis: false,
    marker: {
      symbol: "diamond", size: plans.map((each) => (each.kind === "change" ? 11 : 0.1)), color: theme.colour("ink"),
      line: { color: theme.colour("ground"), width: 1 },
    },
    textfont: { color: theme.colour("soft") }, hovertemplate: "%{customdata}<extra></extra>",
  };
}

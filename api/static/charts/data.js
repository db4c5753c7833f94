// The charts of the page Data.

// Two plans, two patterns: dots and full.
function plans(theme) {
  const dots = { shape: ".", fgcolor: theme.colour("lapse"), bgcolor: theme.colour("lapse-pale"), size: 5, solidity: 0.3 };
  return {
    free: { marker: { color: theme.colour("lapse-pale"), pattern: dots } },
    paid: theme.bars.plain,
  };
}

const styleOf = (theme, level) => plans(theme)[level] || theme.bars.low;

const countAxis = (theme, text) => ({ ...theme.axis, title: { ...theme.axis.title, text }, rangemode: "tozero", tickformat: "," });

const names = (theme, more) => ({ ...theme.axis, type: "category", dtick: 1, ticksuffix: " ", showgrid: false, ...more });

// Plans in the order in which they lie on each other.
const legend = { showlegend: true, legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", traceorder: "normal" } };

export function pages(figures, theme) {
  return {
    data: figures.levels.map(({ level, events }) => ({
      type: "bar", orientation: "h", name: level, y: figures.pages, x: events, ...styleOf(theme, level),
      hovertemplate: `%{y}, ${level}: %{x:,} events<extra></extra>`,
    })),
    layout: {
      barmode: "stack", bargap: 0.3, ...legend,
      xaxis: countAxis(theme, "events"),
      yaxis: names(theme, { autorange: "reversed" }),
    },
  };
}

export function levels(figures, theme) {
  return {
    data: figures.levels.map(({ level, shares, counts }) => ({
      type: "bar", orientation: "h", name: level, y: figures.bars, x: shares, customdata: counts, ...styleOf(theme, level),
      hovertemplate: `%{y}, ${level}: %{x:.1%} (%{customdata:,})<extra></extra>`,
    })),
    layout: {
      barmode: "stack", bargap: 0.35, ...legend,
      xaxis: { ...theme.axis, range: [0, 1.002], dtick: 0.25, tickformat: ".0%", ticklabeloverflow: "allow" },
      margin: { l: 8, r: 24, t: 8, b: 8 },
      yaxis: names(theme),
    },
  };
}

export function days(figures, theme) {
  return {
    data: [{
      type: "bar", x: figures.days, y: figures.events, ...theme.bars.plain,
      hovertemplate: "%{x|%a %-d %b %Y}: %{y:,} events<extra></extra>",
    }],
    layout: {
      bargap: 0.25,
      xaxis: { ...theme.axis, type: "date", tickformat: "%-d %b", nticks: 6, tickangle: 0, showgrid: false },
      yaxis: countAxis(theme, "events"),
    },
  };
}

export function ages(figures, theme) {
  return {
    data: [{
      type: "bar", orientation: "h", y: figures.groups, x: figures.users, ...theme.bars.plain,
      hovertemplate: "%{y}: %{x:,} users<extra></extra>",
    }],
    layout: {
      bargap: 0.3,
      xaxis: countAxis(theme, "users"),
      yaxis: names(theme, { autorange: "reversed" }),
    },
  };
}

export function chances(figures, theme) {
  const bar = (name, key) => ({
    type: "bar", orientation: "h", name, y: figures.groups, x: figures[key], customdata: figures.users,
    ...theme.bars[key],
    hovertemplate: `%{y}: %{x:.1%} to ${name}, mean of %{customdata:,} users<extra></extra>`,
  });
  return {
    data: [bar("cancel", "cancel"), bar("fall silent", "lapse")],
    layout: {
      barmode: "group", bargap: 0.3, ...legend,
      xaxis: { ...countAxis(theme, "chance"), tickformat: "~%" },
      yaxis: names(theme, { autorange: "reversed" }),
    },
  };
}

export function reasons(figures, theme) {
  return {
    data: [{
      type: "bar", orientation: "h", y: figures.reasons, x: figures.letters, ...theme.bars.plain,
      hovertemplate: "%{y}: %{x:,} letters<extra></extra>",
    }],
    layout: {
      bargap: 0.4,
      xaxis: countAxis(theme, "letters"),
      yaxis: names(theme, { autorange: "reversed" }),
    },
  };
}

// Charts of the page Model. All figures are in per cent.

const HINT = "<extra></extra>";

function interval(theme, shares) {
  return {
    type: "data", symmetric: false, array: shares.above, arrayminus: shares.below,
    color: theme.colour("ink"), thickness: 1.3, width: 4,
  };
}

function named(theme, text) {
  return { ...theme.axis.title, font: { ...theme.axis.title.font, size: theme.layout.font.size }, text };
}

// What was said beside what came, by band.
export function bands(figures, theme) {
  const colours = figures.bands.map((band) => theme.bars[band].marker.color);
  return {
    data: [
      {
        type: "bar", name: "left", x: figures.bands, y: figures.came, width: 0.5, marker: { color: colours },
        error_y: interval(theme, figures), customdata: figures.scores,
        hovertemplate: `%{x}: %{y:.1f} % left, of %{customdata:,} scores${HINT}`, showlegend: false,
      },
      {
        type: "scatter", mode: "markers", name: "risk that was said, on average", x: figures.bands, y: figures.said,
        marker: {
          symbol: "diamond", size: 12, color: theme.colour("ground"), line: { color: theme.colour("ink"), width: 2 },
        },
        hovertemplate: `%{x}: %{y:.1f} % said${HINT}`, showlegend: true,
      },
    ],
    layout: {
      showlegend: true,
      yaxis: { ...theme.axis, rangemode: "tozero", ticksuffix: " %", title: named(theme, "scores that came true") },
      xaxis: { ...theme.axis, type: "category" },
      margin: { l: 8, r: 8, t: 28, b: 8 },
    },
  };
}

// What came against what was said, live and in the report.
export function calibration({ live, report }, theme) {
  const tops = live.came.map((came, i) => Math.max(came + live.above[i], live.said[i]));
  const top = Math.min(100, 1.05 * Math.max(1, ...tops, ...report.came, ...report.said));
  const range = [0, top];
  const data = [
    {
      type: "scatter", mode: "lines", x: range, y: range, line: { color: theme.colour("line"), width: 1.5 },
      hoverinfo: "skip", showlegend: false,
    },
    {
      type: "scatter", mode: "lines+markers", name: "live", x: live.said, y: live.came, ...theme.lines.plain,
      marker: { symbol: "circle", size: 8, color: theme.colour("lapse") },
      error_y: { ...interval(theme, live), color: theme.colour("lapse") }, customdata: live.scores,
      hovertemplate: `live: %{x:.1f} % said, %{y:.1f} % left, of %{customdata:,} scores${HINT}`,
    },
  ];
  if (report.said.length) {
    data.push({
      type: "scatter", mode: "lines+markers", name: "in the report", x: report.said, y: report.came,
      ...theme.lines.before, marker: { symbol: "x", size: 7, color: theme.colour("soft") }, customdata: report.rows,
      hovertemplate: `report: %{x:.1f} % said, %{y:.1f} % left, of %{customdata:,} rows${HINT}`,
    });
  }
  return {
    data,
    layout: {
      showlegend: true,
      xaxis: { ...theme.axis, range, ticksuffix: " %", title: named(theme, "risk that was said") },
      yaxis: { ...theme.axis, range, ticksuffix: " %", title: named(theme, "scores that came true") },
      margin: { l: 8, r: 8, t: 28, b: 8 },
    },
  };
}

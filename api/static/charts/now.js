// The charts of the page Now: what came and how long it took, how the risks are spread, and what raises them.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const number = new Intl.NumberFormat("en");

// Steps of equal length that end now: minutes before the end, and the viewer's time for whoever points at one.
function steps(figures, count) {
  const minutes = figures.step_ms / 60000;
  const at = Array.from({ length: count }, (_, step) => (step + 0.5 - count) * minutes);
  const times = at.map((each) => clock.format(new Date(figures.ends_ms + (each - minutes / 2) * 60000)));
  return { at, times };
}

// Room for the labels at both ends: one that would stand out of the drawing is left out.
const margin = (theme) => ({ ...theme.layout.margin, l: 40, r: 26 });

function title(theme, text) {
  return { ...theme.axis.title, text, font: { ...theme.axis.title.font, size: theme.layout.font.size } };
}

function timeAxis(theme) {
  return {
    ...theme.axis, range: [-10, 0.1], showgrid: false, zeroline: false,
    tickvals: [-10, -8, -6, -4, -2, 0], ticktext: ["10 min ago", "8", "6", "4", "2", "now"], tickangle: 0,
  };
}

export function rates(figures, theme) {
  const { at, times } = steps(figures, figures.rates.length);
  const line = { ...theme.lines.plain.line, shape: "linear" };
  return {
    data: [{
      type: "scatter", mode: "lines", x: at, y: figures.rates, customdata: times, line,
      fill: "tozeroy", fillcolor: theme.colour("track"),
      hovertemplate: "%{y:,.3~g} events a second, ten seconds from %{customdata}<extra></extra>",
    }],
    layout: {
      hoverdistance: 200,
      margin: margin(theme),
      xaxis: timeAxis(theme),
      yaxis: { ...theme.axis, rangemode: "tozero", nticks: 5, tickformat: ",~g" },
    },
  };
}

export function delay(figures, theme) {
  const { at, times } = steps(figures, figures.p50.length);
  const line = (figure, name, words, style) => ({
    type: "scatter", mode: "lines", name, x: at, customdata: times.map((time, i) => [time, figure[i]]),
    y: figure.map((each) => (each === null ? null : Math.max(1, each))), line: { ...style.line },
    hovertemplate: `${words} within about %{customdata[1]:,.3~g} ms, ten seconds from %{customdata[0]}<extra></extra>`,
  });
  const largest = Math.max(1000, ...figures.p99.map((each) => each ?? 0));
  return {
    data: [
      line(figures.p50, "half within", "Half", theme.lines.plain),
      line(figures.p99, "99 of 100 within", "99 of 100", theme.lines.lapse),
    ],
    layout: {
      showlegend: true,
      margin: margin(theme),
      xaxis: timeAxis(theme),
      yaxis: {
        ...theme.axis, type: "log", range: [-0.1, Math.log10(largest) + 0.25],
        tickvals: [1, 10, 100, 1000, 10000, 100000], ticktext: ["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"],
      },
    },
  };
}

// Few are at high risk, and they matter: heights are square roots, so that they can be seen beside the many.
const TICKS = [0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1e6];

function rootTicks(largest) {
  const top = Math.sqrt(largest);
  const ticks = [];
  for (const tick of TICKS) {
    if (tick > largest) break;
    if (!ticks.length || Math.sqrt(tick) - Math.sqrt(ticks[ticks.length - 1]) >= top / 6) ticks.push(tick);
  }
  return ticks;
}

export function spread(figures, theme) {
  const width = 1 / figures.now.length;
  const middles = figures.now.map((_, place) => (place + 0.5) * width);
  const span = figures.now.map((_, place) => `${Math.round(place * width * 100)} to ${Math.round((place + 1) * width * 100)} %`);
  const largest = Math.max(1, ...figures.now, ...(figures.then ?? []));
  const ticks = rootTicks(largest);
  const data = [{
    type: "bar", name: "now", x: middles, y: figures.now.map(Math.sqrt), width: width * 0.86, ...theme.bars.plain,
    customdata: figures.now.map((count, place) => [count, span[place]]),
    hovertemplate: "%{customdata[0]:,} users at %{customdata[1]}<extra></extra>",
  }];
  if (figures.then) {
    const edges = figures.now.map((_, place) => place * width);
    data.push({
      type: "scatter", mode: "lines", name: figures.before, x: [...edges, 1],
      y: [...figures.then, figures.then[figures.then.length - 1]].map(Math.sqrt),
      line: { color: theme.colour("ink"), width: 1.5, dash: "4px,3px", shape: "hv" },
      customdata: [...figures.then, figures.then[figures.then.length - 1]],
      hovertemplate: `%{customdata:,} users ${figures.before}<extra></extra>`,
    });
  }
  return { data, layout: spreadLayout(figures, theme, ticks, Math.sqrt(largest)) };
}

function spreadLayout(figures, theme, ticks, top) {
  return {
    showlegend: figures.then !== null,
    margin: margin(theme),
    xaxis: { ...theme.axis, range: [0, 1], tickformat: ".0%", showgrid: false, title: title(theme, "risk") },
    yaxis: {
      ...theme.axis, range: [0, top * 1.22], tickvals: ticks.map(Math.sqrt), ticktext: ticks.map((tick) => number.format(tick)),
      title: title(theme, "users, square-root scale"),
    },
    shapes: figures.thresholds.map(({ at }) => ({
      type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: theme.colour("soft"), width: 1 },
    })),
    annotations: figures.thresholds.map(({ at, label }, place) => ({
      x: at, y: 1 - place * 0.1, yref: "paper", yanchor: "top", xanchor: at > 0.7 ? "right" : "left", text: label,
      showarrow: false, font: { color: theme.colour("soft") }, bgcolor: theme.colour("ground"), borderpad: 2, xshift: at > 0.7 ? -3 : 3,
    })),
  };
}

export function drivers(figures, theme) {
  const longest = Math.max(...figures.drivers.map((_, place) => figures.high[place] + figures.medium[place]));
  const fits = (count) => count > longest / 10;
  const ground = theme.colour("ground");
  const [darker] = [theme.colour("ink"), ground].sort(); // as #rrggbb
  const bar = (band, sign, ink) => ({
    type: "bar", orientation: "h", name: `${sign} ${band}`, y: figures.drivers, x: figures[band], ...theme.bars[band],
    text: figures[band].map((count) => (fits(count) ? `${sign} ${number.format(count)}` : "")),
    textposition: "inside", insidetextanchor: "middle", textangle: 0, constraintext: "none",
    insidetextfont: { color: ink },
    hovertemplate: `%{x:,} users in the ${band} band, raised most by %{y}<extra></extra>`,
  });
  return {
    data: [bar("high", "▲", ground), bar("medium", "◆", darker)],
    layout: {
      barmode: "stack", bargap: 0.3, showlegend: true, legend: { ...theme.layout.legend, traceorder: "normal" },
      xaxis: { ...theme.axis, tickformat: ",d", nticks: 6, title: title(theme, "users") },
      yaxis: { ...theme.axis, autorange: "reversed", showgrid: false, tickfont: { color: theme.colour("ink") } },
    },
  };
}

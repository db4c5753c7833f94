// The style sheet's colours and type, for charts. Colour is never the only sign: each role has a pattern or a dash, too.

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const ink = colour("ink");
  const soft = colour("soft");
  const line = colour("line");
  const size = 0.82 * Number.parseFloat(style.fontSize);
  const axis = {
    color: soft, gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, fixedrange: true,
    tickfont: { color: soft }, title: { font: { color: soft, size }, standoff: 8 },
  };
  return {
    colour,
    axis,
    // Traces spread one of these into themselves.
    bars: {
      cancel: { marker: { color: colour("cancel") } },
      lapse: {
        marker: {
          color: colour("lapse-pale"),
          pattern: { shape: "/", fgcolor: colour("lapse"), bgcolor: colour("lapse-pale"), size: 5, solidity: 0.4 },
        },
      },
      high: { marker: { color: colour("high") } },
      medium: { marker: { color: colour("medium") } },
      low: { marker: { color: colour("low") } },
      plain: { marker: { color: colour("lapse") } },
    },
    lines: {
      cancel: { line: { color: colour("cancel"), width: 2 } },
      lapse: { line: { color: colour("lapse"), width: 2, dash: "5px,3px" } },
      before: { line: { color: soft, width: 1.5, dash: "2px,3px" } },
      plain: { line: { color: colour("lapse"), width: 2 } },
    },
    layout: {
      font: { family: style.fontFamily, size, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: 8, t: 8, b: 8 },
      xaxis: axis,
      yaxis: axis,
      hoverlabel: { bgcolor: colour("ground"), bordercolor: line, font: { color: ink } },
      hovermode: "closest",
      dragmode: false,
      showlegend: false,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { color: ink } },
      autosize: true,
    },
  };
}

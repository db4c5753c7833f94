// Draws the figures of a page with plotly.js, which is loaded when the first chart comes into sight's reach.
//
// <figure data-chart="now/rates" data-figures="{…}"><div class="plot"></div>…</figure>
// is drawn by the function `rates` of charts/now.js: (figures, theme) => ({ data, layout }).
import { theme } from "./theme.js";

const PLOTLY = "/static/plotly.min.js";
// plotly.js and a part of it would each put a style sheet into the page, which the page's policy refuses: elements of
// these names keep them from it. What is needed of the first is in chart.css; nothing is drawn with the second.
const OWN_STYLES = ["plotly.js-style-global", "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53"];
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false };

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    for (const id of OWN_STYLES.filter((each) => !document.getElementById(each))) {
      const place = document.createElement("template");
      place.id = id;
      place.className = "no-inline-styles";
      document.head.append(place);
    }
    const script = document.createElement("script");
    script.src = PLOTLY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null; // the next chart tries again
      reject(new Error("plotly.js could not be loaded"));
    };
    document.head.append(script);
  });
  return loading;
}

// Three times as large as all else: not before what can be read has been painted.
const painted = new Promise((resolve) => {
  requestAnimationFrame(() => setTimeout(resolve, 0));
});

const drawn = new Set();
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "400px" });

export function drawAll(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) {
    if (figure.querySelector(".plot").classList.contains("js-plotly-plot")) draw(figure);
    else near.observe(figure);
  }
  for (const figure of drawn) if (!figure.isConnected) drawn.delete(figure);
}

export async function draw(figure) {
  const plot = figure.querySelector(".plot");
  try {
    await painted;
    const [file, kind] = figure.dataset.chart.split("/");
    const [Plotly, kinds] = await Promise.all([plotly(), import(`/static/charts/${file}.js`)]);
    const { data, layout } = kinds[kind](JSON.parse(figure.dataset.figures), theme());
    await Plotly.react(plot, data, { ...theme().layout, ...layout }, CONFIG);
    drawn.add(figure);
  } catch (error) {
    // Without the picture there are still the words and the table.
    figure.querySelector("details")?.setAttribute("open", "");
    plot.hidden = true;
    console.warn(error);
  }
}

// New figures for a chart that is there already.
export function redraw(figure, figures) {
  figure.dataset.figures = JSON.stringify(figures);
  return draw(figure);
}

// A drawing goes along into the new content, to be moved on instead of made anew.
export function keepDrawings(from, to) {
  for (const figure of to.querySelectorAll("figure[data-chart][id]")) {
    const plot = from.querySelector(`#${CSS.escape(figure.id)} > .plot.js-plotly-plot`);
    if (!plot) continue;
    const fresh = figure.querySelector(".plot");
    plot.setAttribute("aria-label", fresh.getAttribute("aria-label"));
    fresh.replaceWith(plot);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));

// A plot of the last minutes on a canvas. It draws at most once a second, and not while nobody sees it.

import { changing, el } from "./dom.js";
import { rings, SECONDS } from "./live.js";

const DASHES = { dashed: [6, 4], dotted: [2, 3] };

/** The next number of the kind 1, 2, 5, 10, 20, … */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= value * 0.999);
}

/**
 * A figure. `lines` are `[series, label, colour class, dash]`; `format` turns a value into text, for the legend and
 * the axis.
 */
export function plot(title, lines, format) {
  const canvas = el("canvas", { role: "img", "aria-label": `${title}, the last ${SECONDS / 60} minutes` });
  const keys = lines.map(([series, label, colour, dash = ""]) => {
    const value = changing("–");
    const node = el("span", { class: `key ${colour} ${dash}` }, `${label} `, el("b", null, value.node));
    return { series, node, value, dash };
  });
  const peak = changing("");
  const node = el("figure", { class: "plot card" },
    el("figcaption", null, el("strong", null, title), keys.map((key) => key.node),
      el("span", { class: "muted" }, peak.node)), canvas);
  let colours = null;
  let width = 0;
  let height = 0;

  const fit = () => {
    const scale = devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  };

  const line = (pen, values, top) => {
    let isDown = false;
    pen.beginPath();
    for (let back = SECONDS - 1; back >= 0; back -= 1) {
      const value = values[(rings.at + SECONDS - 1 - back) % SECONDS];
      const x = width - (back * width) / (SECONDS - 1);
      const y = height - 3 - (value / top) * (height - 6);
      if (Number.isNaN(value)) isDown = false;
      else if (isDown) pen.lineTo(x, y);
      else {
        pen.moveTo(x, y);
        // A lone value is a point.
        pen.lineTo(x + 0.5, y);
        isDown = true;
      }
    }
    pen.stroke();
  };

  const draw = () => {
    if (document.hidden || width === 0) return;
    colours ??= [node, ...keys.map((key) => key.node)].map((it) => getComputedStyle(it).color);
    let most = 0;
    for (const key of keys) for (const value of rings.of[key.series]) if (value > most) most = value;
    const top = most > 0 ? roundUp(most) : 1;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.setLineDash([]);
    pen.lineWidth = 1;
    pen.globalAlpha = 0.25;
    pen.strokeStyle = colours[0];
    pen.strokeRect(0.5, 2.5, width - 1, height - 5);
    pen.beginPath();
    pen.moveTo(0, height / 2);
    pen.lineTo(width, height / 2);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.75;
    keys.forEach((key, at) => {
      pen.strokeStyle = colours[at + 1];
      pen.setLineDash(DASHES[key.dash] ?? []);
      line(pen, rings.of[key.series], top);
    });
    pen.fillStyle = colours[0];
    pen.font = "11px system-ui, sans-serif";
    pen.fillText(format(top), 5, 15);
  };

  const tell = () => {
    const last = (rings.at + SECONDS - 1) % SECONDS;
    let most = NaN;
    for (const key of keys) {
      const value = rings.of[key.series][last];
      key.value.set(Number.isNaN(value) ? "–" : format(value));
      for (const it of rings.of[key.series]) if (!(it <= most) && !Number.isNaN(it)) most = it;
    }
    peak.set(Number.isNaN(most) ? "" : `highest ${format(most)}`);
  };

  const sizes = new ResizeObserver(() => {
    fit();
    draw();
  });
  sizes.observe(canvas);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => {
    colours = null;
    draw();
  };
  scheme.addEventListener("change", repaint);
  document.addEventListener("visibilitychange", draw);
  return {
    node,
    update() {
      tell();
      draw();
    },
    end() {
      sizes.disconnect();
      scheme.removeEventListener("change", repaint);
      document.removeEventListener("visibilitychange", draw);
    },
  };
}

// The picture of the flow of money, left to right, and the same numbers as a table.

import { stack } from "./api.js";
import { changing, el, svg } from "./dom.js";
import { grouped } from "./money.js";

const WIDTH = 152;
const HEIGHT = 74;
const COLUMN = 196;
const ROW = 112;
const LEFT = 6;
const TOP = 8;

const whole = (value) => (typeof value === "number" ? grouped(Math.round(value)) : "–");
const perSecond = (value) => (typeof value === "number" ? `${whole(value)}/s` : "–");
const of = (flow, binary) => flow.functions?.[binary];
const flight = (flow, binary) => `${whole(of(flow, binary)?.in_flight)} in flight`;

// Without the functions' own counts nothing is said of the tables.
const counted = (value, what) => (typeof value === "number" ? `${whole(value)} ${what}` : "");
const each = (value) => (typeof value === "number" ? perSecond(value) : "");

/** A box: its place, its name, what it is, and two lines as functions of an event and the rates. */
const BOXES = [
  { id: "clients", at: [0, 1], name: () => "clients", kind: "payment-api, producers",
    lines: [(f) => (of(f, "payment-api") ? `${flight(f, "payment-api")} by HTTP` : ""),
      () => (stack.http ?? "").replace("http://", "")] },
  { id: "requests", at: [1, 1], name: () => stack.topics.requests, kind: "topic", shape: "topic",
    lines: [(f) => `lag ${whole(f.requests?.lag)}`, (f, r) => `${perSecond(r?.requests)} in`] },
  { id: "processor", at: [2, 1], name: () => "payment-processor", kind: "function", fn: "payment-processor",
    lines: [(f) => flight(f, "payment-processor"),
      (f) => `batch ${whole(f.batch?.last)}, most ${whole(f.batch?.largest)}`] },
  { id: "tables", at: [3, 1], name: () => "payments, accounts", kind: "tables", shape: "store",
    lines: [(f) => counted(f.payments?.settled, "settled"), (f, r) => each(r?.settled)] },
  { id: "publisher", at: [4, 1], name: () => "outcome-publisher", kind: "function, on the stream",
    fn: "outcome-publisher",
    lines: [(f) => flight(f, "outcome-publisher"), (f, r) => `${perSecond(r?.published)} told`] },
  { id: "outcomes", at: [5, 1], name: () => stack.topics.outcomes, kind: "topic", shape: "topic",
    lines: [(f) => `${whole(f.outcomes?.end)} outcomes`, (f, r) => perSecond(r?.outcomes)] },
  { id: "commands", at: [1, 0], name: () => stack.topics.commands, kind: "topic", shape: "topic",
    lines: [(f) => `lag ${whole(f.commands?.lag)}`, (f) => `${whole(f.commands?.end)} commands`] },
  { id: "accounts", at: [2, 0], name: () => "account-processor", kind: "function", fn: "account-processor",
    lines: [(f) => flight(f, "account-processor"), (f) => `${whole(f.commands_done?.applied)} applied`] },
  { id: "letters", at: [2, 2], name: () => "dead-letters", kind: "table", shape: "store",
    lines: [(f) => counted(f.payments?.dead_letters, "dead letters"), (f, r) => each(r?.letters)] },
  { id: "declined", at: [3, 2], name: () => "declined", kind: "outcomes that say no", shape: "store",
    lines: [(f) => counted(f.payments?.declined, "declined"), (f, r) => each(r?.declined)] },
];

/** Whether payments are decided; where functions aren't seen, their outcomes tell. */
const decides = (f, r) => r?.settled > 0 || r?.declined > 0 || r?.outcomes > 0;

/** An arrow: from, to, and whether something flows along it now. */
const EDGES = [
  ["clients", "requests", (f, r) => r?.requests > 0],
  ["requests", "processor", decides],
  ["processor", "tables", decides],
  ["tables", "publisher", (f, r) => r?.published > 0 || r?.outcomes > 0],
  ["publisher", "outcomes", (f, r) => r?.outcomes > 0],
  ["commands", "accounts", (f, r) => r?.commands > 0],
  ["accounts", "tables", (f, r) => r?.commands > 0],
  ["processor", "letters", (f, r) => r?.letters > 0, "warned"],
  ["tables", "declined", (f, r) => r?.declined > 0, "warned"],
];

const left = (box) => LEFT + box.at[0] * COLUMN;
const top = (box) => TOP + box.at[1] * ROW;

/** Where an arrow runs: straight to the right or down, or to the right and then down. */
function path(from, to) {
  const [x1, y1] = [left(from) + WIDTH, top(from) + HEIGHT / 2];
  const [x2, y2] = [left(to), top(to) + HEIGHT / 2];
  if (from.at[1] === to.at[1]) return { line: `M${x1} ${y1}H${x2 - 8}`, end: [x2, y2, 0] };
  const x = left(to) + WIDTH / 2;
  if (from.at[0] === to.at[0]) return { line: `M${x} ${top(from) + HEIGHT}V${top(to) - 8}`, end: [x, top(to), 90] };
  return { line: `M${x1} ${y1}H${x}V${top(to) - 8}`, end: [x, top(to), 90] };
}

/** The lines of text of a box; each changes in place. */
function drawBox(box) {
  const [x, y] = [left(box), top(box)];
  const texts = box.lines.map(() => changing("–"));
  const node = svg("g", null,
    svg("rect", { class: `box ${box.shape ?? ""}`, x, y, width: WIDTH, height: HEIGHT,
      rx: box.shape === "topic" ? 16 : 5 }),
    svg("text", { class: "name", x: x + 10, y: y + 18 }, box.name()),
    svg("text", { class: "kind", x: x + 10, y: y + 32 }, box.kind),
    texts.map((text, at) => svg("text", { x: x + 10, y: y + 49 + at * 16 }, text.node)));
  return { box, node, texts };
}

function drawEdge([from, to, flows, kind]) {
  const { line, end: [x, y, turned] } = path(from, to);
  const node = svg("g", { class: kind },
    svg("path", { class: "edge", d: line }),
    svg("path", { class: "pulse", d: line }),
    svg("path", { class: "arrow", d: "M0 0l-9 -4.5v9z", transform: `translate(${x} ${y}) rotate(${turned})` }));
  return { node, flows };
}

const STEP_MS = 200;
const STEPS = 4;
const DASH = 16;

/**
 * Moves the dashes of what flows, five times a second. A CSS animation would paint sixty times a second, and take most
 * of what the page may take.
 */
function march(edges, isMoving) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let step = 0;
  const timer = setInterval(() => {
    if (document.hidden || still.matches || !isMoving()) return;
    step = (step + 1) % STEPS;
    edges.style.strokeDashoffset = String(DASH - (step * DASH) / STEPS);
  }, STEP_MS);
  return () => clearInterval(timer);
}

/** The picture and its table. `update` takes an event and the rates; `end` stops what moves. */
export function flow() {
  const boxes = BOXES.filter((box) => box.name() && (!box.fn || stack.functions.length === 0
    || stack.functions.some((it) => it.binary === box.fn)));
  const byId = Object.fromEntries(boxes.map((box) => [box.id, box]));
  const edges = EDGES.filter(([from, to]) => byId[from] && byId[to])
    .map(([from, to, flows, kind]) => drawEdge([byId[from], byId[to], flows, kind]));
  const drawn = boxes.map(drawBox);
  const [width, height] = [LEFT * 2 + COLUMN * 5 + WIDTH, TOP * 2 + ROW * 2 + HEIGHT];
  const arrows = svg("g", null, edges.map((edge) => edge.node));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "flow-name",
    "aria-describedby": "flow-same" }, arrows, drawn.map((it) => it.node));
  const cells = boxes.map(() => [changing("–"), changing("–")]);
  const rows = boxes.map((box, at) => el("tr", null, el("th", { scope: "row" }, box.name()), el("td", null, box.kind),
    cells[at].map((cell) => el("td", null, cell.node))));
  const head = ["Part", "What it is", "Now", "Flow"].map((name) => el("th", { scope: "col" }, name));
  const more = el("details", { class: "more" }, el("summary", { id: "flow-same" }, "The same numbers as a table"),
    el("table", null, el("caption", null, "Each part of the flow, once a second"),
      el("thead", null, el("tr", null, head)), el("tbody", null, rows)));
  const scroller = el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Picture of the flow" },
    picture);
  const node = el("section", { class: "flow card", "aria-labelledby": "flow-name" },
    el("h2", { id: "flow-name" }, "From request to outcome"), scroller, more);
  let isAnyMoving = false;
  const update = (event, rates) => {
    drawn.forEach(({ box, node: group, texts }, at) => {
      const isOff = Boolean(box.fn) && !of(event, box.fn);
      const said = isOff ? ["not seen from here", ""] : box.lines.map((line) => line(event, rates));
      said.forEach((text, line) => texts[line].set(text));
      if (more.open) said.forEach((text, line) => cells[at][line].set(text));
      if (group.classList.contains("off") !== isOff) group.classList.toggle("off", isOff);
    });
    isAnyMoving = false;
    for (const edge of edges) {
      const isMoving = Boolean(edge.flows(event, rates));
      isAnyMoving ||= isMoving;
      if (edge.node.classList.contains("moving") !== isMoving) edge.node.classList.toggle("moving", isMoving);
    }
  };
  return { node, update, end: march(arrows, () => isAnyMoving) };
}

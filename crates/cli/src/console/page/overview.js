// The first page: figures, the flow, plots, declines by reason, and the newest payments.

import { stack } from "./api.js";
import { changing, el, wide } from "./dom.js";
import { flow } from "./flow.js";
import * as live from "./live.js";
import { grouped, money } from "./money.js";
import { plot } from "./plot.js";
import { declined, plain } from "./words.js";

const NEWEST = 20;
const REASONS = 10;

const whole = (value) => (typeof value === "number" ? grouped(Math.round(value)) : "–");

/** A time in the unit that a person reads at one look. */
function ms(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)} s`;
  return `${value < 10 ? value.toFixed(1) : whole(value)} ms`;
}

/** A count, or null if it isn't known here: then its figure is left out. */
const known = (value) => (typeof value === "number" ? whole(value) : null);

const sum = (one, other) => (typeof one === "number" ? one + (other ?? 0) : null);

/** Id, label, and the text of an event and its rates; without a text the figure is left out. */
const FIGURES = [
  ["rate", "Payments a second", (f, r) => whole(r?.settled === null ? r.outcomes : sum(r?.settled, r?.declined))],
  ["settled", "Settled, as reported", (f) => known(f.payments?.settled)],
  ["declined", "Declined", (f) => known(f.payments?.declined)],
  ["replayed", "Replayed", (f) => known(f.payments?.replayed)],
  ["dead-letters", "Dead letters", (f) => known(f.payments?.dead_letters)],
  ["unfinished", "Unfinished", (f) => known(f.payments?.unfinished)],
  ["outcomes", "Outcomes", (f) => (stack.live ? null : known(f.outcomes?.end))],
  ["lag", "Lag of requests", (f) => known(f.requests?.lag)],
  ["p99", "Latency p99", (f) => (!stack.live ? null : f.latency_ms?.count > 0 ? ms(f.latency_ms.p99) : "–")],
  ["ever", "Settled in the ledger", (f) => (f.total ? whole(f.total.settled) : null)],
];

function figures() {
  const all = FIGURES.map(([id, label, value]) => {
    const text = changing("–");
    const node = el("div", null, el("dt", null, label), el("dd", { "data-figure": id }, text.node));
    return { node, text, value };
  });
  const update = (event, rates) => {
    for (const figure of all) {
      const value = figure.value(event, rates);
      if (figure.node.hidden !== (value === null)) figure.node.hidden = value === null;
      if (value !== null) figure.text.set(value);
    }
  };
  return { node: el("dl", { class: "figures" }, all.map((it) => it.node)), update };
}

/** Bars of the declines, the most frequent first. The rows are made once. */
function reasons() {
  const none = el("p", { class: "muted" }, stack.live ? "No payment was declined yet."
    : "They are counted on the page of giro up alone.");
  const rows = Array.from({ length: REASONS }, () => {
    const [name, count] = [changing(), changing()];
    const bar = el("span");
    const cell = el("th", { scope: "row" }, name.node);
    const node = el("tr", { hidden: true }, cell, el("td", { class: "num" }, count.node),
      el("td", null, el("span", { class: "meter", "aria-hidden": "true" }, bar)));
    return { node, cell, name, count, bar };
  });
  const head = [["Reason"], ["Payments", "num"], ["Share"]]
    .map(([name, kind]) => el("th", { scope: "col", class: kind }, name));
  const all = el("table", { hidden: true, class: "steady" }, el("caption", null, "Since the stack began"),
    el("thead", null, el("tr", null, head)), el("tbody", null, rows.map((row) => row.node)));
  const update = (event) => {
    const sorted = Object.entries(event.reasons ?? {}).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const most = sorted[0]?.[1] ?? 1;
    none.hidden = sorted.length > 0;
    all.hidden = sorted.length === 0;
    rows.forEach((row, at) => {
      const isLast = at === REASONS - 1 && sorted.length > REASONS;
      const rest = isLast ? ["others", sorted.slice(at).reduce((sum, [, count]) => sum + count, 0)] : sorted[at];
      row.node.hidden = rest === undefined;
      if (!rest) return;
      row.name.set(plain(rest[0]));
      row.cell.title = declined({ name: rest[0] });
      row.count.set(whole(rest[1]));
      row.bar.style.transform = `scaleX(${Math.min(rest[1] / most, 1).toFixed(3)})`;
    });
  };
  const node = el("section", { class: "card", "aria-labelledby": "reasons-name" },
    el("h2", { id: "reasons-name" }, "Declines by reason"), none, all);
  return { node, update };
}

const COLUMNS = ["Decided", "Payment", "Status", "Amount", "From", "To"];

function amount(payment) {
  if (payment.legs) return `${payment.legs.length} legs`;
  return money(payment.amount, payment.currency);
}

/** The newest outcomes. Rows are re-used; while the list has the focus or the pointer it stands still. */
function newest() {
  const rows = Array.from({ length: NEWEST }, () => {
    const texts = COLUMNS.map(() => changing());
    const link = el("a", null, texts[1].node);
    const status = el("td", null, texts[2].node);
    const node = el("tr", { hidden: true }, el("td", null, texts[0].node), el("td", null, link), status,
      el("td", { class: "num" }, texts[3].node), el("td", null, texts[4].node), el("td", null, texts[5].node));
    return { node, texts, link, status };
  });
  const kind = (name) => (name === "Amount" ? "num" : null);
  const head = COLUMNS.map((name) => el("th", { scope: "col", class: kind(name) }, name));
  const list = el("table", { class: "steady newest" },
    el("caption", null, "It stands still while the focus or the pointer is on it"),
    el("thead", null, el("tr", null, head)), el("tbody", null, rows.map((row) => row.node)));
  const scroller = wide("List of the newest payments", list);
  const seen = changing("");
  const update = (event) => {
    if (!event || scroller.matches(":hover, :focus-within")) return;
    seen.set(` (${whole(event.seen)} seen)`);
    rows.forEach((row, at) => {
      const it = event.newest[at];
      if (row.node.hidden !== !it) row.node.hidden = !it;
      if (!it) return;
      const said = [it.decided_at?.slice(11, 23) ?? "–", it.payment_id, it.reason ? plain(it.reason.name) : it.status,
        amount(it), it.debtor_account, it.creditor_account ?? "–"];
      said.forEach((text, column) => row.texts[column].set(text));
      row.link.href = `#/payments/${encodeURIComponent(it.payment_id)}`;
      row.status.className = it.status === "settled" ? "good" : "bad";
    });
  };
  const node = el("section", { class: "card", "aria-labelledby": "newest-name" },
    el("h2", { id: "newest-name" }, "Newest payments", seen.node), scroller);
  return { node, update };
}

/** Shows the page. */
export function show(root) {
  const parts = [figures(), flow()];
  const ofFunctions = () => [
    plot("Payments a second", [["settled", "settled", "line1"], ["declined", "declined", "line2", "dashed"]], whole),
    plot("Latency",
      [["p50", "p50", "line1"], ["p90", "p90", "line3", "dashed"], ["p99", "p99", "line4", "dotted"]], ms),
  ];
  const plots = [
    ...(stack.live ? ofFunctions() : [plot("Outcomes a second", [["outcomes", "outcomes", "line1"]], whole)]),
    plot("Lag in records", [["requests", "requests", "line3"], ["commands", "commands", "line4", "dashed"]], whole),
  ];
  const bars = reasons();
  const list = newest();
  root.append(parts[0].node, parts[1].node,
    el("section", { "aria-label": "Plots", class: "columns" }, plots.map((it) => it.node)),
    el("div", { class: "columns two" }, list.node, bars.node));
  const onFlow = () => {
    if (document.hidden || !live.now.flow) return;
    for (const part of [...parts, bars]) part.update(live.now.flow, live.now.rates);
    for (const it of plots) it.update();
  };
  const onPayments = () => {
    if (!document.hidden) list.update(live.now.newest);
  };
  onFlow();
  onPayments();
  const end = live.watch((what) => (what === "flow" ? onFlow() : onPayments()));
  return () => {
    end();
    for (const it of [parts[1], ...plots]) it.end();
  };
}

// Payments: the form, the newest ones, and the whole story of one.

import { get, stack } from "./api.js";
import { el, facts, field, reading, shown, span, table, time } from "./dom.js";
import { money } from "./money.js";
import { accountLink, paymentLink, sendForm } from "./send.js";
import { declined, parked } from "./words.js";

const status = (it) => el("span", { class: `status ${it.status === "settled" ? "good" : "bad"}` }, it.status);

const COLUMNS = [["Payment"], ["Decided"], ["Status"], ["Amount", "num"], ["From"], ["To"], ["Reason"]];

const row = (it) => [paymentLink(it.payment_id), time(it.decided_at), status(it),
  it.legs ? `${it.legs.length} legs` : money(it.amount, it.currency), accountLink(it.debtor_account),
  accountLink(it.creditor_account), it.reason ? declined(it.reason) : "–"];

function finder() {
  const id = field("Payment id", el("input", { type: "text", name: "find", maxlength: 64, autocomplete: "off",
    spellcheck: "false" }), "shows its whole story");
  const form = el("form", { role: "search", "aria-label": "Find a payment", class: "bar" }, id.node,
    el("button", { type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = id.control.value.trim();
    id.refuse(given ? null : "Expected the id of a payment.");
    if (given) location.hash = `#/payments/${encodeURIComponent(given)}`;
  });
  return form;
}

function list(root, signal) {
  const form = sendForm();
  const rows = el("div", null, reading());
  const load = async () => {
    try {
      const { payments } = await get("payments", signal);
      rows.replaceChildren(payments.length === 0
        ? el("p", { class: "muted" }, "No outcome was seen yet.")
        : table(`The newest ${payments.length} outcomes that this console has seen`, COLUMNS, payments.map(row)));
    } catch (refused) {
      if (!signal.aborted) rows.replaceChildren(el("p", { class: "bad" }, refused.message));
    }
  };
  root.append(stack.read_only ? "" : form.node, el("section", { class: "card", "aria-labelledby": "newest-name" },
    el("h2", { id: "newest-name" }, "Newest payments"),
    el("div", { class: "bar" }, finder(), el("button", { type: "button", onclick: load }, "Read again")), rows));
  load();
  return form.end;
}

function asked(it, trace) {
  const { source } = it;
  return facts([
    ["record", source ? `${source.topic}/${source.partition}/${source.offset}` : "not told"],
    ["asked at", it.requested_at && time(it.requested_at)],
    ["asked by", it.requested_by],
    ["trace", trace && el("code", null, trace)],
    ["fingerprint", it.fingerprint && el("code", null, it.fingerprint)],
  ]);
}

function decision(it) {
  const took = it.requested_at ? Date.parse(it.decided_at) - Date.parse(it.requested_at) : NaN;
  return facts([
    ["status", status(it)],
    ["reason", it.reason && `${it.reason.name}: ${declined(it.reason)}`],
    ["ISO 20022 code", it.reason?.code],
    ["leg", it.leg],
    ["decided at", time(it.decided_at)],
    ["after it was asked", took >= 0 ? (took < 2000 ? `${took} ms` : span(took / 1000)) : null],
  ]);
}

const LEGS = [["Leg"], ["From"], ["To"], ["Amount", "num"], ["Refunded", "num"], ["Reference"]];

function movement(it) {
  const moved = it.status === "settled" ? "Moved" : "Asked for; nothing moved";
  if (it.legs) {
    return table(`${moved}, all legs or none`, LEGS, it.legs.map((leg, at) => [at + 1, accountLink(leg.debtor_account),
      accountLink(leg.creditor_account), money(leg.amount, leg.currency), money(leg.refunded, leg.currency),
      leg.reference ?? "–"]));
  }
  return facts([
    ["from", accountLink(it.debtor_account)],
    ["to", accountLink(it.creditor_account)],
    ["amount", money(it.amount, it.currency)],
    ["reference", it.reference],
    ["refund of", it.refund_of && paymentLink(it.refund_of)],
    ["refunded so far", typeof it.refunded === "number" ? money(it.refunded, it.currency) : null],
  ]);
}

/** The headers of the outcome's record, as docs/outcomes.md says. */
function outcome(it, trace) {
  const headers = [
    ["ce_specversion", "1.0"],
    ["ce_id", it.payment_id],
    ["ce_source", "/giro/payments"],
    ["ce_type", `giro.${it.kind ?? "payment"}.${it.status}.v1`],
    ["ce_time", it.decided_at],
    ["content-type", "application/json"],
    ...(trace ? [["traceparent", trace]] : []),
  ];
  return [
    facts([["topic", stack.topics.outcomes ?? "not told"], ["key", el("code", null, it.payment_id)]]),
    table("Headers that its record gets, a CloudEvent", [["Header"], ["Value"]], headers),
  ];
}

function letters(all) {
  if (all.length === 0) return el("p", { class: "muted" }, "No dead letter has this id.");
  return table("Records with this id that became dead letters", [["Dead letter"], ["Status"], ["Reason"], ["Stored"]],
    all.map((it) => [el("a", { href: `#/dead-letters/${encodeURIComponent(it.source)}` }, it.source), it.status,
      parked(it.reason), time(it.received_at)]));
}

/** JSON of what was read; a BigInt is written with all its digits. */
function raw(value) {
  const digits = (_, it) => (typeof it === "bigint" ? (JSON.rawJSON?.(it.toString()) ?? it.toString()) : it);
  const node = el("pre", { tabindex: "0", "aria-label": "The payment as JSON" });
  node.textContent = JSON.stringify(value, digits, 2).split("\n").map(shown).join("\n");
  return el("details", null, el("summary", null, "As JSON"), node);
}

function story(root, id, signal) {
  const place = el("div", { class: "card" }, reading());
  root.append(el("p", null, el("a", { href: "#/payments" }, "All payments")), place);
  get(`payments/${encodeURIComponent(id)}`, signal).then((read) => {
    const { payment: it, traceparent: trace } = read;
    const step = (name, ...inside) => el("li", null, el("h2", null, name), inside);
    place.replaceChildren(it
      ? el("ol", { class: "steps" }, step("1. The record", asked(it, trace)), step("2. The decision", decision(it)),
        step("3. The money", movement(it)), step("4. The outcome", outcome(it, trace)),
        step("5. Dead letters", letters(read.dead_letters ?? [])), el("li", null, raw(it)))
      : el("div", null, el("p", null, "There is no outcome of this id yet."), letters(read.dead_letters ?? [])));
  }).catch((refused) => {
    if (signal.aborted) return;
    place.replaceChildren(el("p", { class: "bad" }, refused.status === 404
      ? "No outcome and no dead letter has this id. It may be on its way, or was never sent." : refused.message));
  });
}

/** Shows the page, or the story of one payment. */
export function show(root, id, heading) {
  const ended = new AbortController();
  let end = null;
  if (id) {
    heading.textContent = `Payment ${shown(id)}`;
    story(root, id, ended.signal);
  } else {
    end = list(root, ended.signal);
  }
  return () => {
    ended.abort();
    end?.();
  };
}

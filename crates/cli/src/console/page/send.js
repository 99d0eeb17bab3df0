// The form that sends a payment, and what follows a payment to its outcome.

import { get, post, stack, whyNot } from "./api.js";
import { el, field, teller } from "./dom.js";
import { money, whyNoAmount } from "./money.js";
import { declined } from "./words.js";

const FOLLOWED_MS = 30_000;
const ID = /^[A-Za-z0-9._:-]{1,64}$/;

/** A link to a payment's story. */
export const paymentLink = (id) => el("a", { href: `#/payments/${encodeURIComponent(id)}` }, id);

/** A link to an account. */
export const accountLink = (id) => (id ? el("a", { href: `#/accounts/${encodeURIComponent(id)}` }, id) : "–");

/** What a payment did, in one sentence. */
export function sentence(payment) {
  const what = payment.legs ? `${payment.legs.length} legs` : money(payment.amount, payment.currency);
  const to = payment.creditor_account ? [" to ", accountLink(payment.creditor_account)] : [];
  const whole = [what, " from ", accountLink(payment.debtor_account), to];
  if (payment.status === "settled") return ["Settled: ", whole, "."];
  return [`Declined, because ${declined(payment.reason)}: `, whole, "."];
}

/** The payment once it has its outcome, or null if it has none after 30 seconds or `signal` ends it. */
export async function outcomeOf(id, signal) {
  const begun = performance.now();
  for (let wait = 150; performance.now() - begun < FOLLOWED_MS && !signal.aborted; wait = Math.min(wait * 1.6, 3000)) {
    try {
      const { payment } = await get(`payments/${encodeURIComponent(id)}`, signal);
      if (payment) return payment;
    } catch (refused) {
      if (refused.status !== 404 && refused.status !== 0 && refused.status < 500) throw refused;
    }
    await new Promise((done) => setTimeout(done, wait));
  }
  return null;
}

/** Tells the outcome of a payment, and the balances that it left, as soon as they are known. */
export async function follow(id, said, signal) {
  said.plain("Handed over as ", paymentLink(id), ". Waiting for its outcome.");
  const payment = await outcomeOf(id, signal);
  if (signal.aborted) return;
  if (!payment) {
    said.bad("There is no outcome of ", paymentLink(id), " after 30 seconds. It may still come.");
    return;
  }
  if (payment.status !== "settled") {
    said.bad(sentence(payment), " Nothing moved. ", paymentLink(id), ".");
    return;
  }
  const balances = [];
  for (const account of new Set([payment.debtor_account, payment.creditor_account].filter(Boolean))) {
    try {
      const { account: it } = await get(`accounts/${encodeURIComponent(account)}`, signal);
      balances.push([" Balance of ", accountLink(account), `: ${money(it.balance, it.currency)}.`]);
    } catch {
      // The outcome is told without this balance.
    }
  }
  if (signal.aborted) return;
  said.good(sentence(payment), " ", paymentLink(id), ".", balances);
}

function inputs() {
  const text = (attributes) => el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
  return {
    from: field("From", text({ name: "from", maxlength: 64 }), "the account that pays"),
    to: field("To", text({ name: "to", maxlength: 64 }), "the account that is paid"),
    amount: field("Amount", text({ name: "amount", inputmode: "decimal" }), "in decimals of the currency"),
    currency: field("Currency", text({ name: "currency", maxlength: 3, value: "EUR", list: "currencies" }), "ISO 4217"),
    reference: field("Reference", text({ name: "reference", maxlength: 140 }), "optional, up to 140 characters"),
    id: field("Payment id", text({ name: "id", maxlength: 64 }), "optional; without it the page makes one"),
  };
}

/** Marks what is wrong; true if nothing is. */
function isFine(fields, given) {
  const wanted = "Expected 1 to 64 characters of A–Z a–z 0–9 . _ : -";
  const fault = {
    from: ID.test(given.from) ? null : wanted,
    to: ID.test(given.to) ? null : wanted,
    currency: /^[A-Z]{3}$/.test(given.currency) ? null : "Expected three capital letters, such as EUR.",
    id: given.id === "" || ID.test(given.id) ? null : wanted,
  };
  fault.amount = fault.currency ? null : whyNoAmount(given.amount, given.currency);
  for (const [name, it] of Object.entries(fields)) it.refuse(fault[name] ?? null);
  const wrong = Object.keys(fields).find((name) => fault[name]);
  fields[wrong]?.control.focus();
  return wrong === undefined;
}

/** The form; `end` stops following. */
export function sendForm() {
  const fields = inputs();
  const said = teller();
  const why = whyNot();
  const codes = Object.keys(stack.currencies).sort().map((code) => el("option", { value: code }));
  const inside = el("fieldset", { disabled: why !== null, "aria-describedby": why ? "why-no-payment" : null },
    el("legend", { class: "sr" }, "Payment"),
    el("div", { class: "fields" }, Object.values(fields).map((it) => it.node)),
    el("datalist", { id: "currencies" }, codes), el("button", { class: "main", type: "submit" }, "Send payment"));
  const form = el("form", { id: "send", novalidate: true }, inside);
  const ended = new AbortController();
  // The id stays until something else is asked for. So sending again, also by a double click, pays at most once.
  let made = null;
  let sent = null;
  let isSending = false;
  let following = new AbortController();
  form.addEventListener("input", (event) => {
    if (event.target !== fields.id.control) made = null;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(Object.entries(fields).map(([name, it]) => [name, it.control.value.trim()]));
    given.reference = fields.reference.control.value;
    given.currency = given.currency.toUpperCase();
    if (isSending) return undefined;
    if (!isFine(fields, given)) return said.bad("Nothing was sent: a field is wrong.");
    made ??= `console-${crypto.randomUUID()}`;
    const body = { ...given, id: given.id || made };
    if (body.id === sent && !given.id) {
      return said.plain("This payment was sent already. Change a field, or give it an id, to pay once more.");
    }
    if (body.reference === "") delete body.reference;
    following.abort();
    following = new AbortController();
    const signal = AbortSignal.any([following.signal, ended.signal]);
    said.plain("Sending.");
    isSending = true;
    try {
      const { payment_id: id } = await post("payments", body).finally(() => { isSending = false; });
      sent = id;
      await follow(id, said, signal);
    } catch (refused) {
      if (signal.aborted) return undefined;
      fields[refused.field]?.refuse(refused.message);
      fields[refused.field]?.control.focus();
      const again = refused.status === 0 || refused.status >= 500;
      said.bad(refused.message, again ? " Send it again: it keeps its id, so it is paid at most once." : "");
    }
    return undefined;
  });
  const node = el("section", { class: "card", "aria-labelledby": "send-name" },
    el("h2", { id: "send-name" }, "Send a payment"),
    why && el("p", { class: "warn", id: "why-no-payment" }, why), form, said.node);
  return { node, end: () => ended.abort() };
}

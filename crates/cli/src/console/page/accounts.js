// Accounts: search, and one account with its balance, lanes, limits and statement.

import { get } from "./api.js";
import { el, facts, field, reading, shown, table, teller, time } from "./dom.js";
import { grouped, money } from "./money.js";
import { accountLink, paymentLink } from "./send.js";

const PAGE = 50;

const state = (it) => el("span", { class: `status ${it.status === "open" ? "good" : "warn"}` }, it.status);
const overdraft = (it) => (it.overdraft_limit === null ? "unlimited" : money(it.overdraft_limit, it.currency));

const COLUMNS = [["Account"], ["Status"], ["Balance", "num"], ["Overdraft limit", "num"], ["Lanes", "num"], ["Owner"]];

const row = (it) => [accountLink(it.account_id), state(it), money(it.balance, it.currency), overdraft(it),
  String(it.credit_lanes), it.owner ?? "–"];

function list(root, signal) {
  const search = field("Search", el("input", { type: "search", name: "search", autocomplete: "off",
    spellcheck: "false" }), "a part of the id");
  const said = teller();
  const rows = el("div", null, reading());
  let asked = new AbortController();
  const load = async () => {
    asked.abort();
    asked = new AbortController();
    const one = AbortSignal.any([signal, asked.signal]);
    try {
      const query = new URLSearchParams({ search: search.control.value.trim(), limit: PAGE });
      const { accounts, total, more } = await get(`accounts?${query}`, one);
      if (one.aborted) return;
      const many = total === null ? "There are more." : `There are ${grouped(total)}.`;
      said.plain(`${accounts.length} account${accounts.length === 1 ? "" : "s"}.`,
        more ? ` ${many} Write more of the id to see others.` : "");
      rows.replaceChildren(accounts.length === 0 ? "" : table("Accounts, by id", COLUMNS, accounts.map(row)));
    } catch (refused) {
      if (!one.aborted) said.bad(refused.message);
    }
  };
  let timer = 0;
  search.control.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(load, 250);
  });
  const form = el("form", { role: "search", "aria-label": "Search accounts" }, search.node);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  root.append(el("div", { class: "card" }, form, said.node, rows));
  load();
  return () => clearTimeout(timer);
}

/** What a window allows, and what is used of it. */
function windowText(it, currency) {
  const allowed = [it.amount !== null && money(it.amount, currency), it.count !== null && `${it.count} payments`];
  const used = it.used ? `${money(it.used.amount, currency)} in ${it.used.count} payments used` : "nothing used";
  return `${allowed.filter(Boolean).join(" and ")}; ${used}`;
}

function limits(it) {
  if (!it.limits) return el("p", { class: "muted" }, "No limits were ever set.");
  const { max_payment: payment, max_balance: balance, windows } = it.limits;
  return facts([
    ["largest payment", payment === null ? "no limit" : money(payment, it.currency)],
    ["maximum balance", balance === null ? "no limit" : money(balance, it.currency)],
    ...(windows ?? []).map((window) => [`in one ${window.period}`, windowText(window, it.currency)]),
  ]);
}

function lanes(all, currency) {
  if (all.length === 0) return el("p", { class: "muted" }, "It has no credit lanes.");
  return table("Credit lanes; their money is part of the balance", [["Lane"], ["Balance", "num"]],
    all.map((it) => [String(it.lane), money(it.balance, currency)]));
}

const POSTINGS = [["Payment"], ["Decided"], ["Amount", "num"], ["With"], ["Reference"]];

function posting(it, currency) {
  const marks = [it.leg && ` leg ${it.leg}`, it.refund_of && [" refund of ", paymentLink(it.refund_of)]];
  return [[paymentLink(it.payment_id), marks], time(it.decided_at),
    el("span", { class: it.amount < 0 ? "bad" : "good" }, money(it.amount, currency)), accountLink(it.counterparty),
    it.reference ?? "–"];
}

/** The statement, a page at a time: a page replaces the one before, so the page never grows. */
function statement(id, signal) {
  const rows = el("div", null, reading());
  const said = teller();
  const older = el("button", { type: "button", hidden: true }, "Older");
  const newest = el("button", { type: "button" }, "Newest");
  let next = null;
  const load = async (cursor) => {
    try {
      const query = new URLSearchParams({ limit: 20, ...(cursor ? { cursor } : {}) });
      const page = await get(`accounts/${encodeURIComponent(id)}/statement?${query}`, signal);
      next = page.next_cursor;
      if (next === null && document.activeElement === older) newest.focus();
      older.hidden = next === null;
      said.plain(`${page.postings.length} postings${cursor ? ", older than those before" : ", the newest"}.`);
      rows.replaceChildren(page.postings.length === 0 ? "" : table("Postings, newest first", POSTINGS,
        page.postings.map((it) => posting(it, page.currency))));
    } catch (refused) {
      if (!signal.aborted) said.bad(refused.message);
    }
  };
  older.addEventListener("click", () => load(next));
  newest.addEventListener("click", () => load(null));
  load(null);
  return el("section", { class: "card", "aria-labelledby": "statement-name" },
    el("h2", { id: "statement-name" }, "Statement"), said.node, rows, el("p", { class: "bar" }, newest, older));
}

function one(root, id, signal) {
  const place = el("div", null, reading());
  root.append(el("p", null, el("a", { href: "#/accounts" }, "All accounts")), place);
  get(`accounts/${encodeURIComponent(id)}`, signal).then(({ account: it, lanes: all, proved }) => {
    const card = (name, inside) => el("section", { class: "card" }, el("h2", null, name), inside);
    place.replaceChildren(
      el("div", { class: "columns" },
        card("Account", facts([
          ["balance", el("strong", { "data-figure": "balance" }, money(it.balance, it.currency))],
          ["status", state(it)],
          ["overdraft limit", overdraft(it)],
          ["owner", it.owner ?? "nobody"],
          ["opened", time(it.opened_at)],
          ["proved", proved ? [money(proved.balance, it.currency), " as of ", time(proved.as_of)] : "not yet"],
        ])),
        card("Limits", limits(it)), card("Lanes", lanes(all ?? [], it.currency))),
      statement(id, signal));
  }).catch((refused) => {
    if (signal.aborted) return;
    const text = refused.status === 404 ? "No account has this id." : refused.message;
    place.replaceChildren(el("p", { class: "bad" }, text));
  });
}

/** Shows the page, or one account. */
export function show(root, id, heading) {
  const ended = new AbortController();
  let end = null;
  if (id) {
    heading.textContent = `Account ${shown(id)}`;
    one(root, id, ended.signal);
  } else {
    end = list(root, ended.signal);
  }
  return () => {
    ended.abort();
    end?.();
  };
}

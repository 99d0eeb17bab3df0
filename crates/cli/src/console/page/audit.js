// The audit: what is proved by the schedule, and an audit that is run from here.

import { get, post, stack, whyNot } from "./api.js";
import { el, facts, reading, span, table, teller, time } from "./dom.js";
import { grouped, money } from "./money.js";

const whole = (value) => (typeof value === "number" ? grouped(value) : "–");

function scheduled(it) {
  // A busy stack tells what was read before, if anything was.
  if (it.unread) return [el("p", { class: "warn" }, it.unread), ...(it.accounts === undefined ? [] : [proofs(it)])];
  if (it.accounts === undefined) return [el("p", { class: "muted" }, "This stack has no tables of checkpoints.")];
  return [proofs(it)];
}

function proofs(it) {
  return facts([
    ["accounts", whole(it.accounts)],
    ["proved", whole(it.proved)],
    ["behind", el("span", { class: it.behind > 0 ? "warn" : "good" }, whole(it.behind))],
    ["unreadable", it.unreadable > 0 ? el("span", { class: "bad" }, whole(it.unreadable)) : null],
    ["oldest proof", (it.oldest_proof_s ?? null) === null ? "none" : `${span(it.oldest_proof_s)} ago`],
  ]);
}

function last(it) {
  if (!it) return el("p", { class: "muted" }, "No audit was run from here yet.");
  const findings = it.findings.length === 0
    ? el("p", { class: "good" }, it.complete ? "Nothing is wrong." : "Nothing wrong was found so far.")
    : el("ul", { class: "bad" }, it.findings.map((one) => el("li", null, one)));
  const circulation = Object.entries(it.circulation ?? {});
  return [
    facts([
      ["when", time(it.at)],
      ["took", typeof it.seconds === "number" ? `${it.seconds} s` : null],
      ["accounts", whole(it.accounts)],
      ["settled", el("span", { "data-figure": "audit-settled" }, whole(it.settled))],
      ["dead letters", whole(it.dead_letters)],
      ["undecided", whole(it.undecided)],
      ["complete", it.complete ? "yes: it saw everything" : "no: more was written while it read"],
    ]),
    el("h3", null, "Findings"), findings,
    circulation.length > 0 && table("Money in circulation: what accounts with a limit hold",
      [["Currency"], ["Amount", "num"]], circulation.map(([currency, minor]) => [currency, money(minor, currency)])),
  ];
}

/** Shows the page. */
export function show(root) {
  const ended = new AbortController();
  const { signal } = ended;
  const why = whyNot();
  const said = teller();
  const proved = el("div", null, reading());
  const result = el("div");
  const run = el("button", { type: "button", class: "main", disabled: why !== null,
    "aria-describedby": why ? "why-no-audit" : null }, "Run an audit");
  const read = async () => {
    const it = await get("audit", signal);
    proved.replaceChildren(...scheduled(it));
    result.replaceChildren(...[last(it.last)].flat().filter(Boolean));
    return it;
  };
  /** Reads until no audit runs; true if one was seen to end. */
  const wait = async () => {
    for (let rounds = 0; !signal.aborted; rounds += 1) {
      try {
        const it = await read();
        if (!it.running) return rounds > 0;
        said.plain("An audit is running. It only reads.");
      } catch (refused) {
        // A busy stack may not answer in time. The audit goes on meanwhile.
        if (signal.aborted || (refused.status > 0 && refused.status < 500)) throw refused;
        said.bad(refused.message, " The page asks again.");
      }
      await new Promise((done) => setTimeout(done, 700));
    }
    return false;
  };
  const tell = (refused) => {
    if (!signal.aborted) said.bad(refused.message);
  };
  run.addEventListener("click", async () => {
    said.plain("An audit is running. It only reads.");
    try {
      await post("audit", {});
      await new Promise((done) => setTimeout(done, 300));
      await wait();
      if (!signal.aborted) said.good("The audit has ended.");
    } catch (refused) {
      tell(refused);
    }
  });
  const asked = el("section", { class: "card", "aria-labelledby": "audit-name" },
    el("h2", { id: "audit-name" }, "An audit of all payments"),
    el("p", null, "It reads every account and payment, and adds them up again."),
    why && el("p", { class: "warn", id: "why-no-audit" }, why), el("p", null, run), said.node, result);
  root.append(
    el("section", { class: "card", "aria-labelledby": "proofs-name" },
      el("h2", { id: "proofs-name" }, "What the scheduled auditor has proved"), proved),
    stack.read_only ? said.node : asked);
  wait().then((hasEnded) => hasEnded && said.good("The audit has ended.")).catch(tell);
  return () => ended.abort();
}

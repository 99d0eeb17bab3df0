// Dead letters: their bytes, and publishing them again, as they came or mended.

import { get, parse, post, stack, whyNot } from "./api.js";
import { asText, fromBase64, hexDump, size, toBase64 } from "./bytes.js";
import { el, facts, reading, shown, table, teller, time } from "./dom.js";
import { grouped } from "./money.js";
import { follow } from "./send.js";
import { parked } from "./words.js";

const link = (it) => el("a", { href: `#/dead-letters/${encodeURIComponent(it.source)}` }, it.source);
const state = (it) => el("span", { class: `status ${it.status === "parked" ? "warn" : "good"}` }, it.status);

const COLUMNS = [["Dead letter"], ["Status"], ["Reason"], ["Stored"], ["Value", "num"]];

function list(root, signal) {
  const rows = el("div", null, reading());
  const load = async () => {
    try {
      const { dead_letters: all, total } = await get("dead-letters", signal);
      rows.replaceChildren(all.length === 0 ? el("p", { class: "good" }, "There are no dead letters.")
        : table(total > all.length ? `The newest ${all.length} of ${grouped(total)} dead letters` : "All dead letters",
          COLUMNS, all.map((it) => [link(it), state(it), parked(it.reason), time(it.received_at),
            size(fromBase64(it.value))])));
    } catch (refused) {
      if (!signal.aborted) rows.replaceChildren(el("p", { class: "bad" }, refused.message));
    }
  };
  root.append(el("div", { class: "card" },
    el("p", { class: "bar" }, el("button", { type: "button", onclick: load }, "Read again")), rows));
  load();
}

/** Bytes as a person reads them: lines stay lines, what can't be seen is escaped. */
function bytesOf(name, bytes) {
  if (bytes === null) return el("p", { class: "muted" }, "none");
  const text = asText(bytes);
  const node = el("pre", { class: text === null ? "hex" : null, tabindex: "0", role: "region", "aria-label": name });
  node.textContent = text === null ? hexDump(bytes) : text.split("\n").map(shown).join("\n");
  return node;
}

function inline(bytes) {
  if (bytes === null) return "none";
  const text = asText(bytes);
  return el("code", null, text ?? [...bytes].map((it) => it.toString(16).padStart(2, "0")).join(" "));
}

function record(it) {
  const key = fromBase64(it.key);
  const headers = it.headers ?? [];
  const value = fromBase64(it.value);
  return [
    facts([["key", inline(key)], ["value", `${size(value)}${value && asText(value) === null ? ", not UTF-8" : ""}`]]),
    headers.length === 0 ? el("p", { class: "muted" }, "It has no headers.")
      : table("Headers", [["Name"], ["Value"]], headers.map((one) => [one.name, inline(fromBase64(one.value))])),
    el("h3", null, "Value"), bytesOf("Value of the record", value),
  ];
}

/** The id that a value asks with, to follow it; null if it has none. */
function idOf(bytes) {
  try {
    const value = parse(asText(bytes));
    const id = value.payment_id ?? value.refund_id;
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}

/** The second step of a redrive: nothing is published before it. */
function confirm(question, yes) {
  const end = (node, focus) => {
    node.remove();
    focus?.focus();
  };
  return (place, opener) => {
    const go = el("button", { type: "button", class: "main" }, "Yes, publish it");
    const no = el("button", { type: "button" }, "Cancel");
    const node = el("div", { role: "group", "aria-label": question }, el("p", null, question),
      el("p", { class: "bar" }, go, no));
    go.addEventListener("click", () => {
      end(node, opener);
      yes();
    });
    no.addEventListener("click", () => end(node, opener));
    place.replaceChildren(node);
    go.focus();
  };
}

function redrive(it, signal, refresh) {
  const why = whyNot();
  const said = teller();
  const value = fromBase64(it.value);
  const text = value === null ? "" : asText(value);
  const topic = it.source.split("/")[0];
  const editor = el("textarea", { id: "edited", spellcheck: "false", autocomplete: "off", rows: 8,
    disabled: text === null });
  editor.value = text ?? "";
  const place = el("div");
  const before = () => (it.status === "redriven" ? " It was redriven before." : "");
  const publish = async (edited) => {
    const again = it.status === "redriven";
    const body = { source: it.source, again, ...(edited === null ? {} : { value: toBase64(edited) }) };
    said.plain("Publishing.");
    try {
      const { redriven } = await post("dead-letters/redrive", body);
      const where = `Published as ${redriven}. `;
      const id = idOf(edited === null ? value ?? new Uint8Array() : new TextEncoder().encode(edited));
      it.status = "redriven";
      said.good(where, "It stands behind the records that wait on the topic.");
      refresh();
      if (id) await follow(id, said, signal);
    } catch (refused) {
      if (!signal.aborted) said.bad(refused.message);
    }
  };
  const asIs = el("button", { type: "button" }, "Redrive as it came");
  const mended = el("button", { type: "button", disabled: text === null }, "Redrive the edited value");
  asIs.addEventListener("click", () =>
    confirm(`Publish the record unchanged to ${topic}?${before()}`, () => publish(null))(place, asIs));
  mended.addEventListener("click", () => {
    if (editor.value === text) return said.plain("The value is not edited yet.");
    confirm(`Publish the edited value to ${topic}?${before()}`, () => publish(editor.value))(place, mended);
    return undefined;
  });
  const hint = text === null
    ? "The value is not UTF-8, so it can't be edited here. Use giro dead-letters redrive --edit."
    : "The key stays as it is. Line ends of the edited value become LF. What can't be seen is escaped above.";
  return el("section", { class: "card", "aria-labelledby": "redrive-name" },
    el("h2", { id: "redrive-name" }, "Redrive"),
    why && el("p", { class: "warn", id: "why-no-redrive" }, why),
    el("fieldset", { disabled: why !== null, "aria-describedby": why ? "why-no-redrive" : null },
      el("legend", { class: "sr" }, "Redrive"),
      el("label", { for: "edited" }, "Value", el("span", { class: "hint" }, hint)),
      editor, el("p", { class: "bar" }, asIs, mended), place),
    said.node);
}

function one(root, source, signal) {
  const place = el("div", null, reading());
  root.append(el("p", null, el("a", { href: "#/dead-letters" }, "All dead letters")), place);
  const read = async () => {
    const { dead_letters: all } = await get("dead-letters", signal);
    return all.find((it) => it.source === source);
  };
  const about = el("div");
  const told = (it) => about.replaceChildren(facts([
    ["name", el("code", null, it.source)],
    ["status", state(it)],
    ["reason", `${it.reason}: ${parked(it.reason)}`],
    ["detail", it.detail],
    ["stored", time(it.received_at)],
  ]));
  read().then((it) => {
    if (!it) {
      place.replaceChildren(el("p", { class: "bad" }, "It is not among the newest 200 dead letters. ",
        "giro dead-letters show has all of them."));
      return;
    }
    told(it);
    const refresh = () => read().then((again) => again && told(again)).catch(() => {});
    place.replaceChildren(
      el("section", { class: "card", "aria-labelledby": "why-name" }, el("h2", { id: "why-name" }, "Why"), about),
      el("section", { class: "card", "aria-labelledby": "record-name" }, el("h2", { id: "record-name" }, "The record"),
        record(it)),
      stack.read_only ? "" : redrive(it, signal, refresh));
  }).catch((refused) => {
    if (!signal.aborted) place.replaceChildren(el("p", { class: "bad" }, refused.message));
  });
}

/** Shows the page, or one dead letter. */
export function show(root, source, heading) {
  const ended = new AbortController();
  if (source) {
    heading.textContent = "Dead letter";
    one(root, source, ended.signal);
  } else {
    list(root, ended.signal);
  }
  return () => ended.abort();
}

// The API explorer: each operation of the stack's HTTP API, with a form, the answer, and a line for curl.

import { get, indented, send, stack, whyNot } from "./api.js";
import { el, field, reading, shown, table, teller } from "./dom.js";

const METHODS = ["get", "head", "post", "put", "patch", "delete"];

/** What a `$ref` names; other values are themselves. */
function resolved(doc, value) {
  let it = value;
  for (let steps = 0; it && it.$ref && steps < 20; steps += 1) {
    const parts = it.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    it = parts.reduce((inside, part) => inside?.[part], doc);
  }
  return it;
}

function operationsOf(doc) {
  return Object.entries(doc.paths ?? {}).flatMap(([path, item]) => METHODS.filter((method) => item[method])
    .map((method) => {
      const it = item[method];
      const parameters = [...(item.parameters ?? []), ...(it.parameters ?? [])].map((one) => resolved(doc, one));
      return { method: method.toUpperCase(), path, parameters, summary: it.summary ?? "",
        description: it.description ?? "", body: resolved(doc, it.requestBody) };
    }));
}

/** The examples of a body, by name. */
function examples(doc, body) {
  const media = body?.content?.["application/json"];
  if (!media) return [];
  const named = Object.entries(media.examples ?? {}).map(([name, it]) => [name, resolved(doc, it)?.value]);
  if (named.length > 0) return named;
  const schema = resolved(doc, media.schema);
  const first = media.example ?? schema?.example ?? schema?.examples?.[0];
  return first === undefined ? [] : [["example", first]];
}

function input(doc, parameter) {
  const schema = resolved(doc, parameter.schema) ?? {};
  const values = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  const control = values
    ? el("select", null, el("option", { value: "" }, "–"), values.map((it) => el("option", { value: it }, it)))
    : el("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  if (parameter.in === "path" && parameter.example !== undefined) control.value = parameter.example;
  const made = field(parameter.name, control, `${parameter.in}${parameter.required ? "" : ", optional"}`);
  return { ...made, parameter };
}

/** The request that the form describes, or null after it has marked what is missing. */
function requestOf(operation, inputs, body) {
  let { path } = operation;
  const query = new URLSearchParams();
  const headers = {};
  let missing = null;
  for (const it of inputs) {
    const { name, required } = it.parameter;
    const value = it.control.value.trim();
    it.refuse(required && value === "" ? `Expected a value of ${name}.` : null);
    if (value === "") {
      if (required) missing ??= it;
      continue;
    }
    if (it.parameter.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (it.parameter.in === "query") query.append(name, value);
    else if (it.parameter.in === "header") headers[name] = value;
  }
  missing?.control.focus();
  if (missing) return null;
  if (body) headers["Content-Type"] = "application/json";
  return { method: operation.method, path: query.size > 0 ? `${path}?${query}` : path, headers, body: body?.value };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What asks the stack's HTTP API the same, without this console. */
function curl(request) {
  const parts = ["curl", request.method === "HEAD" ? "--head" : "--include"];
  if (!["GET", "HEAD", "POST"].includes(request.method)) parts.push("--request", request.method);
  for (const [name, value] of Object.entries(request.headers)) parts.push("--header", quoted(`${name}: ${value}`));
  if (request.body !== undefined) parts.push("--data-raw", quoted(request.body));
  return [...parts, quoted(`${stack.http ?? `${location.origin}/api/http`}${request.path}`)].join(" ");
}

function answered(answer) {
  const body = el("pre", { tabindex: "0", role: "region", "aria-label": "Body of the answer" });
  body.textContent = answer.text === "" ? "(no body)" : indented(answer.text).split("\n").map(shown).join("\n");
  return [table("Headers of the answer", [["Header"], ["Value"]], answer.headers), el("h3", null, "Body"), body];
}

function bodyField(doc, operation) {
  if (!operation.body) return { nodes: [], control: null };
  const all = examples(doc, operation.body);
  const control = el("textarea", { rows: 10, spellcheck: "false" });
  const write = (at) => {
    control.value = all[at] ? JSON.stringify(all[at][1], null, 2) : "{}";
  };
  write(0);
  const choice = el("select", null, all.map(([name], at) => el("option", { value: at }, name.replaceAll("_", " "))));
  choice.addEventListener("change", () => write(Number(choice.value)));
  const body = field("Body", control, "JSON").node;
  return { nodes: [all.length > 1 && field("Example", choice, "fills in the body").node, body], control };
}

function form(doc, operation) {
  const why = operation.method === "GET" || operation.method === "HEAD" ? null : whyNot();
  const inputs = operation.parameters.map((it) => input(doc, it));
  const body = bodyField(doc, operation);
  const said = teller();
  const result = el("div");
  const line = el("pre", { hidden: true, tabindex: "0", role: "region", "aria-label": "Line for curl" });
  const copy = el("button", { type: "button" }, "Copy as curl");
  const inside = el("fieldset", { disabled: why !== null, "aria-describedby": why ? "why-no-request" : null },
    el("legend", { class: "sr" }, "Request"),
    inputs.length > 0 && el("div", { class: "fields" }, inputs.map((it) => it.node)), body.nodes,
    el("p", { class: "bar" }, el("button", { type: "submit", class: "main" }, "Send"), copy));
  const node = el("form", { novalidate: true }, inside);
  copy.addEventListener("click", async () => {
    const request = requestOf(operation, inputs, body.control);
    if (!request) return;
    line.textContent = curl(request);
    line.hidden = false;
    try {
      await navigator.clipboard.writeText(line.textContent);
      said.good("Copied.");
    } catch {
      said.plain("The browser doesn't let this page copy. Mark the line below.");
    }
  });
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const request = requestOf(operation, inputs, body.control);
    if (!request) return said.bad("Nothing was sent: a value is missing.");
    said.plain("Sending.");
    result.replaceChildren();
    try {
      const answer = await send(request.method, request.path, request.headers, request.body);
      const tell = answer.status < 400 ? said.good : said.bad;
      tell(`Status ${answer.status} after ${Math.round(answer.ms)} ms.`);
      result.replaceChildren(...answered(answer));
    } catch {
      said.bad("The server of this page can't be reached. It may have stopped.");
    }
    return undefined;
  });
  return el("section", { class: "card", "aria-labelledby": "operation-name" },
    el("h2", { id: "operation-name", tabindex: "-1" }, `${operation.method} ${operation.path}`),
    el("p", null, operation.summary), operation.description && el("p", { class: "muted" }, operation.description
      .replace(/\s+/g, " ").trim()),
    why && el("p", { class: "warn", id: "why-no-request" }, why), node, said.node, line, result);
}

/** Shows the page. */
export function show(root) {
  const ended = new AbortController();
  const place = el("div", null, reading());
  const list = el("ul", { class: "list" });
  root.append(el("p", null, "Requests go to the HTTP API of this stack, and its answers are shown as they come."));
  if (!stack.explorer) {
    root.append(el("p", { class: "muted" }, "This stack has no HTTP API that the console can reach."));
    return () => ended.abort();
  }
  root.append(el("div", { class: "split" },
    el("nav", { class: "card", "aria-label": "Operations" }, list), place));
  get("openapi", ended.signal).then((doc) => {
    const choose = (operation, button, focus) => {
      for (const it of list.querySelectorAll("button")) it.setAttribute("aria-pressed", String(it === button));
      place.replaceChildren(form(doc, operation));
      if (focus) place.querySelector("h2").focus();
    };
    operationsOf(doc).forEach((operation, at) => {
      const button = el("button", { type: "button", "aria-pressed": "false" },
        el("span", { class: "verb" }, operation.method), " ", operation.path);
      button.addEventListener("click", () => choose(operation, button, true));
      list.append(el("li", null, button));
      if (at === 0) choose(operation, button, false);
    });
  }).catch((refused) => {
    if (!ended.signal.aborted) place.replaceChildren(el("p", { class: "bad" }, refused.message));
  });
  return () => ended.abort();
}

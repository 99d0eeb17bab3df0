// Speaks with the server: the token, JSON without lost digits, errors as sentences.

const KEY = "giro-console-token";

/** Takes the token out of the address bar, so that nobody copies it with the address. */
export function takeToken() {
  const given = /^#token=([^&]*)/.exec(location.hash);
  if (!given) return;
  sessionStorage.setItem(KEY, decodeURIComponent(given[1]));
  history.replaceState(null, "", `${location.pathname}#/`);
}

const token = () => sessionStorage.getItem(KEY);

/** What is known of the stack. `main.js` fills it in before the first page. */
export const stack = { currencies: {}, topics: {}, functions: [], read_only: true, live: false };

/** Why nothing can be changed from here, or null if it can. */
export function whyNot() {
  if (stack.read_only) return "This console is read-only: it changes nothing on this stack.";
  if (token()) return null;
  return "This page has no token, so it only reads. Open the address that giro up prints, or giro status console.";
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = `${crypto.randomUUID()}:`;

/** Reads JSON. An integer that a number can't hold exactly becomes a BigInt. */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKEN, (it) => (/^-?\d{16,}$/.test(it) ? `"${MARK}${it}"` : it));
  return JSON.parse(marked, (_, value) => {
    if (typeof value !== "string" || !value.startsWith(MARK)) return value;
    const whole = BigInt(value.slice(MARK.length));
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  });
}

/** JSON with line breaks, every number as it was written. What is no JSON stays as it is. */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const all = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  let out = "";
  let before = "";
  for (const [it] of text.matchAll(all)) {
    if (it === "}" || it === "]") depth -= 1;
    if ((it === "}" || it === "]") && before !== "{" && before !== "[") out += line();
    if ((before === "{" || before === "[") && it !== "}" && it !== "]") out += line();
    out += it;
    if (it === "{" || it === "[") depth += 1;
    if (it === ",") out += line();
    if (it === ":") out += " ";
    before = it;
  }
  return out;
}

/** What the server refused. `field` names the field, if one is wrong. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.error ?? `The server answered with status ${status}.`);
    this.status = status;
    this.field = body?.field ?? null;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Refused(0, { error: "The server of this page can't be reached. It may have stopped." });
  }
  const text = await answer.text();
  let body = null;
  try {
    body = text === "" ? null : parse(text);
  } catch {
    if (answer.ok) throw new Refused(answer.status, { error: "The server's answer is not JSON." });
  }
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

/** Reads `/api/…`. */
export const get = (path, signal) => ask(`/api/${path}`, { signal });

/** Changes something: the token goes with it. */
export function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Giro-Token": token() ?? "" };
  return ask(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Sends a request to the stack's own HTTP API. The answer is as it came. */
export async function send(method, path, headers, body) {
  const all = { ...headers };
  if (method !== "GET" && method !== "HEAD") all["X-Giro-Token"] = token() ?? "";
  const begun = performance.now();
  const answer = await fetch(`/api/http${path}`, { method, headers: all, body, cache: "no-store" });
  const text = await answer.text();
  return { status: answer.status, headers: [...answer.headers], text, ms: performance.now() - begun };
}

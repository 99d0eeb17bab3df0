// Starts the page: takes the token, learns the stack, and shows the route that the address names.

import * as accounts from "./accounts.js";
import { get, stack, takeToken, whyNot } from "./api.js";
import * as audit from "./audit.js";
import { el } from "./dom.js";
import * as explorer from "./explorer.js";
import * as letters from "./letters.js";
import * as live from "./live.js";
import * as overview from "./overview.js";
import * as payments from "./payments.js";

const ROUTES = {
  "": ["Flow of money", overview],
  "payments": ["Payments", payments],
  "accounts": ["Accounts", accounts],
  "dead-letters": ["Dead letters", letters],
  "audit": ["Audit", audit],
  "api": ["API explorer", explorer],
};

const main = document.getElementById("main");
let leave = null;

/** The parts of `#/name/rest`. */
function route() {
  const [name, rest] = location.hash.replace(/^#\/?/, "").split(/\/(.*)/s);
  try {
    return [name, rest ? decodeURIComponent(rest) : null];
  } catch {
    return [name, rest];
  }
}

function show(moveFocus) {
  const [name, rest] = route();
  const [title, page] = ROUTES[name] ?? ["No such page", null];
  leave?.();
  leave = null;
  const heading = el("h1", { tabindex: "-1" }, title);
  main.replaceChildren(heading);
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (page) leave = page.show(main, rest, heading) ?? null;
  else main.append(el("p", null, "Choose a page above."));
  document.title = `${heading.textContent} – Giro console`;
  if (!moveFocus) return;
  heading.focus();
  scrollTo(0, 0);
}

function tellWhatMayBeDone() {
  const why = whyNot();
  const notice = document.getElementById("notice");
  notice.hidden = why === null;
  notice.replaceChildren(...(why ? [el("p", { id: "why-not" }, why)] : []));
  const parts = [
    `giro ${stack.version}`,
    stack.kafka && `Kafka ${stack.kafka}`,
    `DynamoDB ${stack.dynamodb}`,
    stack.http && `HTTP API ${stack.http}`,
  ];
  document.getElementById("stack").textContent = parts.filter(Boolean).join(" · ");
}

async function learn() {
  Object.assign(stack, await get("stack"));
  tellWhatMayBeDone();
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.querySelector("h1")?.focus();
});

async function start() {
  takeToken();
  for (let wait = 1; ; wait = Math.min(wait * 2, 8)) {
    try {
      await learn();
      break;
    } catch (refused) {
      main.replaceChildren(el("h1", null, "Not connected"), el("p", null, refused.message));
      await new Promise((done) => setTimeout(done, wait * 1000));
    }
  }
  show(false);
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#token=")) return show(true);
    takeToken();
    tellWhatMayBeDone();
    return show(true);
  });
  live.connect(document.getElementById("link"), () => learn().catch(() => {}));
}

start();

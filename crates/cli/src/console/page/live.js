// What the server tells each second. The last minutes stand in arrays of a fixed size, so memory stays flat.

import { parse } from "./api.js";

/** How many seconds the plots show. */
export const SECONDS = 240;

const SERIES = ["settled", "declined", "p50", "p90", "p99", "requests", "commands", "outcomes"];

/** One value a second for each series; NaN where nothing is known. `at` is where the next one goes. */
export const rings = {
  at: 0,
  of: Object.fromEntries(SERIES.map((name) => [name, new Float64Array(SECONDS).fill(NaN)])),
};

/** Rates are over so many seconds, so that a batch that ends now and then doesn't make them flicker. */
const SMOOTHED = 5;

/** The newest events, and the rates of the last seconds. */
export const now = { flow: null, rates: null, newest: null };

const watching = new Set();

/** The newest events, the oldest first: at most one more than the seconds that rates are over. */
const recent = [];

/** Calls `watcher` after each event, with "flow" or "payments". The answer ends that. */
export function watch(watcher) {
  watching.add(watcher);
  return () => watching.delete(watcher);
}

function push(values) {
  for (const name of SERIES) rings.of[name][rings.at] = values[name] ?? NaN;
  rings.at = (rings.at + 1) % SECONDS;
}

/** Changes a second between two counts; null if one is unknown or the count began anew. */
function rate(before, after, seconds) {
  if (typeof before !== "number" || typeof after !== "number" || after < before) return null;
  return (after - before) / seconds;
}

function ratesOf(before, after) {
  const seconds = (after.at_ms - before.at_ms) / 1000;
  if (!(seconds > 0)) return null;
  const of = (path) => rate(path(before), path(after), seconds);
  return {
    seconds,
    settled: of((it) => it.payments?.settled),
    declined: of((it) => it.payments?.declined),
    letters: of((it) => it.payments?.dead_letters),
    requests: of((it) => it.requests?.end),
    commands: of((it) => it.commands?.end),
    outcomes: of((it) => it.outcomes?.end),
    published: of((it) => it.published),
  };
}

function took(flow) {
  const before = now.flow;
  const last = before && ratesOf(before, flow);
  // A stack that began anew has rates of its own.
  if (last === null || flow.up_s < before.up_s) recent.length = 0;
  recent.push(flow);
  if (recent.length > SMOOTHED + 1) recent.shift();
  now.rates = recent.length > 1 ? ratesOf(recent[0], flow) : null;
  now.flow = flow;
  // Seconds without an event are a gap in the plots, and no straight line.
  const missed = before ? Math.min(Math.round((flow.at_ms - before.at_ms) / 1000) - 1, SECONDS) : 0;
  for (let at = 0; at < missed; at += 1) push({});
  const latency = flow.latency_ms?.count > 0 ? flow.latency_ms : {};
  push({ settled: last?.settled, declined: last?.declined, p50: latency.p50, p90: latency.p90,
    p99: latency.p99, requests: flow.requests?.lag, commands: flow.commands?.lag, outcomes: last?.outcomes });
}

const WORDS = {
  waiting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
};

/** Listens for ever. `again` is called when the connection is back after it was lost. */
export function connect(link, again) {
  let lost = false;
  const state = (name) => {
    if (link.dataset.state === name) return;
    link.dataset.state = name;
    link.textContent = name === "live" && lost ? "live again" : WORDS[name];
  };
  const tell = (what) => watching.forEach((watcher) => watcher(what));
  const open = () => {
    const source = new EventSource("/api/events");
    source.addEventListener("open", () => {
      if (lost) again();
      state("live");
      lost = false;
    });
    source.addEventListener("flow", (event) => {
      took(parse(event.data));
      tell("flow");
    });
    source.addEventListener("payments", (event) => {
      now.newest = parse(event.data);
      tell("payments");
    });
    source.addEventListener("error", () => {
      lost = true;
      state("lost");
      // The browser tries again by itself, unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 3000);
    });
  };
  open();
}

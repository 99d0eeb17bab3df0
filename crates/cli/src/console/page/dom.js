// Makes and changes elements. Text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Control characters and marks that reverse text are shown as JSON escapes them. */
export function shown(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (it) =>
    [...Array(it.length).keys()].map((at) => `\\u${it.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""));
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    made.append(child instanceof Node ? child : document.createTextNode(shown(child)));
  }
  return made;
}

/** An element: `el("p", { class: "a", onclick: f }, "text", other)`. */
export function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same in the name space of SVG. */
export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** A text that changes in place, and only if it is another one. */
export function changing(text = "") {
  const node = document.createTextNode(text);
  let last = text;
  return {
    node,
    set(next) {
      if (next === last) return;
      last = next;
      node.data = next;
    },
  };
}

/** Terms and what they are; what is null is left out. */
export function facts(pairs) {
  const rows = pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== undefined);
  return el("dl", { class: "facts" }, rows.map(([term, value]) => [el("dt", null, term), el("dd", null, value)]));
}

/** A table: columns are `[heading, class]`, rows are arrays of cells. The first cell of a row names it. */
export function table(caption, columns, rows) {
  const head = columns.map(([heading, kind]) => el("th", { scope: "col", class: kind }, heading));
  const body = rows.map((cells) => el("tr", null, cells.map((cell, at) => at === 0
    ? el("th", { scope: "row", class: columns[at][1] }, cell)
    : el("td", { class: columns[at][1] }, cell))));
  return wide(caption, el("table", null, el("caption", null, caption),
    el("thead", null, el("tr", null, head)), el("tbody", null, body)));
}

/** What may be wider than the page: it scrolls by itself, also with the keyboard. */
export function wide(name, ...children) {
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": name }, children);
}

/** What stands where something is still being read. */
export const reading = () => el("p", { class: "muted" }, "Reading.");

/** Where the result of an action is told; screen readers read it out. It must be on the page before it has a text. */
export function teller() {
  const node = el("div", { class: "said", role: "status" });
  const tell = (kind, ...children) => node.replaceChildren(el("p", { class: kind }, children));
  return {
    node,
    good: (...children) => tell("good", ...children),
    bad: (...children) => tell("bad", ...children),
    plain: (...children) => tell(null, ...children),
    clear: () => node.replaceChildren(),
  };
}

let made = 0;

/** A labelled control. Its error stands beside it, and names it. */
export function field(label, control, hint) {
  made += 1;
  const why = el("span", { class: "hint why", id: `why-${made}` });
  control.id ||= `field-${made}`;
  control.setAttribute("aria-describedby", why.id);
  const node = el("div", null, el("label", { for: control.id }, label, hint && el("span", { class: "hint" }, hint)),
    control, why);
  return {
    node,
    control,
    refuse(text) {
      why.textContent = text ?? "";
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}

/** A time as a person reads it, in UTC. */
export function time(text) {
  if (!text) return "–";
  return el("time", { datetime: text }, text.replace("T", " ").replace("Z", " UTC"));
}

/** Whole seconds in words. */
export function span(seconds) {
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return whole < 172800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86400)} days`;
}

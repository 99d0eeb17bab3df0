// Shows one page of the console.

import { el } from "./dom.js";

/** Shows the page. */
export function show(root) {
  root.append(el("p", null, "This page is being written."));
}

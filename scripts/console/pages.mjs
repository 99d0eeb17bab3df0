// Tabs of the console, and what goes wrong in any of them.
import { until } from "./checks.mjs";

/** What the page must not do is noted from its first moment on. */
function watch(page, origin, wrong) {
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const { url = "" } = message.location();
    // A payment is asked for until it has its outcome: those answers are 404. While the network is off, all fail.
    const isExpected = (url.includes("/api/payments/") && message.text().includes("404"))
      || message.text().includes("ERR_INTERNET_DISCONNECTED");
    if (["error", "warn"].includes(message.type()) && !isExpected) wrong.push(`console: ${message.text()} (${url})`);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) wrong.push(`request to ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
}

/** Opens a tab with the token, and one without it in a session of its own. */
export async function pages(browser, url) {
  const wrong = [];
  const { origin } = new URL(url);
  const open = async (context, address) => {
    const page = await context.newPage();
    await page.setViewport({ width: 1200, height: 800 });
    watch(page, origin, wrong);
    await page.exposeFunction("violated", (what) => wrong.push(`CSP: ${what}`));
    await page.evaluateOnNewDocument(() => addEventListener("securitypolicyviolation", (event) =>
      window.violated(`${event.violatedDirective} ${event.blockedURI}`)));
    await page.goto(address);
    await page.waitForSelector("#link[data-state=live]");
    return page;
  };
  return {
    origin,
    wrong: () => wrong,
    page: await open(browser, url),
    /** A tab that stays on the first page, so that its plots fill while the others are tested. */
    watching: await open(browser, url),
    /** Another tab, in a session of its own that knows no token. */
    stranger: async () => open(await browser.createBrowserContext(), `${origin}/`),
  };
}

/** Shows a route, and waits for its heading and for what it reads. */
export async function go(page, route) {
  await page.evaluate((hash) => {
    document.querySelector("h1")?.setAttribute("data-old", "");
    if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = hash;
  }, route);
  await until(`page ${route}`, () => page.evaluate(() => {
    const heading = document.querySelector("main h1:not([data-old])");
    return heading && !document.querySelector("main").textContent.includes("Reading.");
  }));
}

/** The text of the first element that a selector finds. */
export const text = (page, selector) => page.$eval(selector, (it) => it.textContent.trim());

/** Clears a field and writes into it. */
export async function write(page, selector, value) {
  await page.$eval(selector, (it) => {
    it.value = "";
    it.dispatchEvent(new Event("input", { bubbles: true }));
  });
  if (value !== "") await page.type(selector, value);
}

/** Clicks the button or link of that name in `main`. */
export async function click(page, name) {
  const found = await page.evaluateHandle((wanted) => [...document.querySelectorAll("main button, main a")]
    .find((it) => it.textContent.trim() === wanted && it.checkVisibility()), name);
  const element = found.asElement();
  if (!element) throw new Error(`there is no button or link "${name}"`);
  await element.click();
}

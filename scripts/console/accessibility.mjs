// Axe on each route in both schemes, the keyboard alone, and reduced motion.
import { axeSource } from "./browser.mjs";
import { equal, until } from "./checks.mjs";
import { go } from "./pages.mjs";

/** The pages that need no id. */
export const ROUTES = ["#/", "#/payments", "#/accounts", "#/dead-letters", "#/audit", "#/api", "#/nowhere"];

/** Whatever the keyboard must reach. */
const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']";

async function routesOf(page, { to }) {
  await go(page, "#/payments");
  const story = await page.$eval("main tbody th a", (it) => it.hash);
  await go(page, "#/dead-letters");
  const letters = await page.$$eval("main tbody th a", (all) => all.slice(0, 3).map((it) => it.hash));
  return [...ROUTES, story, `#/accounts/${to}`, ...letters];
}

/** What axe finds on the page as it is now. */
export async function axe(page) {
  await page.evaluate(axeSource());
  const found = await page.evaluate(async () => {
    const { violations, passes } = await window.axe.run(document, { resultTypes: ["violations"] });
    const told = violations.map((it) => `${it.id} (${it.nodes.length}): ${it.nodes[0].html}`);
    return { passes: passes.length, violations: told };
  });
  if (found.violations.length > 0) throw new Error(found.violations.join("; "));
  if (found.passes < 10) throw new Error(`axe looked at ${found.passes} rules only`);
  return `${found.passes} rules`;
}

/** Presses Tab until the focus comes round, and notes where it was. What is reached must be seen. */
async function tabThrough(page) {
  await page.evaluate((controls) => {
    document.activeElement.blur();
    window.reached = new Set();
    window.unseen = [];
    window.wanted = [...document.querySelectorAll(controls)]
      .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.matches(":disabled"));
  }, CONTROLS);
  for (let presses = 0; presses < 1500; presses += 1) {
    await page.keyboard.press("Tab");
    const isRound = await page.evaluate(() => {
      const it = document.activeElement;
      if (it === document.body || window.reached.has(it)) return true;
      window.reached.add(it);
      const { outlineStyle, outlineWidth } = getComputedStyle(it);
      const box = it.getBoundingClientRect();
      const isInside = box.bottom > 0 && box.top < innerHeight && box.width > 0;
      if (outlineStyle === "none" || outlineWidth === "0px" || !isInside) window.unseen.push(it.outerHTML.slice(0, 90));
      return false;
    });
    if (isRound && presses > 0) break;
  }
  return page.evaluate(() => ({
    reached: window.reached.size,
    first: [...window.reached][0]?.id,
    unseen: window.unseen,
    missed: window.wanted.filter((it) => it.isConnected && !window.reached.has(it))
      .map((it) => it.outerHTML.slice(0, 90)),
  }));
}

async function keyboard(run, page, routes) {
  for (const route of routes) {
    await run.check(`keyboard: Tab reaches every control of ${route}, and the focus is seen`, async () => {
      await go(page, route);
      await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
      await page.reload();
      await page.waitForSelector("#link[data-state=live]");
      await until("page", () => page.evaluate(() => !document.querySelector("main").textContent.includes("Reading.")));
      await page.evaluate(() => new Promise((done) => setTimeout(done, 500)));
      if (route === "#/") await page.waitForSelector(".newest tbody tr:not([hidden]) a");
      const { reached, first, unseen, missed } = await tabThrough(page);
      equal("the first stop", first, "skip");
      if (missed.length > 0) throw new Error(`not reached: ${missed.slice(0, 5).join(", ")}`);
      if (unseen.length > 0) throw new Error(`reached unseen: ${unseen.slice(0, 5).join(", ")}`);
      return `${reached} stops`;
    });
  }
  await run.check("keyboard: the skip link leads to the heading", async () => {
    await page.goto(page.url().replace(/#.*/, "#/"));
    await page.reload();
    await page.waitForSelector("#link[data-state=live]");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    equal("the focus", await page.evaluate(() => document.activeElement.tagName), "H1");
  });
  await run.check("keyboard: each page opens by Tab and Enter, and the focus moves to its heading", async () => {
    const names = await page.$$eval("#nav a", (all) => all.map((it) => it.hash));
    for (const [at, hash] of names.entries()) {
      await page.evaluate(() => document.activeElement.blur());
      await page.reload();
      await page.waitForSelector("#link[data-state=live]");
      for (let presses = 0; presses < at + 2; presses += 1) await page.keyboard.press("Tab");
      equal("the link", await page.evaluate(() => document.activeElement.hash), hash);
      await page.keyboard.press("Enter");
      const isShown = await page.evaluate((wanted) => location.hash === wanted, hash);
      if (!isShown) throw new Error(`${hash} did not open`);
      // The first page is there already: its link leads nowhere else.
      const isOnHeading = () => page.evaluate(() => document.activeElement.tagName === "H1");
      if (at > 0) await until(`focus on the heading of ${hash}`, isOnHeading);
    }
    return `${names.length} pages`;
  });
}

/** Runs all of them. */
export async function accessibility(run, { page }, wanted) {
  const routes = await routesOf(page, wanted);
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const route of routes) {
      await run.check(`axe, ${scheme}, ${route}`, async () => {
        await go(page, route);
        await page.evaluate(() => new Promise((done) => setTimeout(done, 400)));
        return axe(page);
      });
    }
  }
  await page.emulateMediaFeatures([]);
  await keyboard(run, page, routes);
  await run.check("reduced motion: nothing moves", async () => {
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    await go(page, "#/");
    await page.evaluate(() => new Promise((done) => setTimeout(done, 1500)));
    const isMoving = await page.evaluate(() => document.getAnimations().some((it) => it.playState === "running"));
    equal("whether something moves", isMoving, false);
    equal("dashes", await page.$eval(".pulse", (it) => getComputedStyle(it).display), "none");
    await page.emulateMediaFeatures([]);
  });
  await run.check("narrow: at 320 pixels nothing is wider than the page", async () => {
    await page.setViewport({ width: 320, height: 640 });
    for (const route of routes) {
      await go(page, route);
      const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      if (wide > shown) throw new Error(`${route} is ${wide} pixels wide`);
    }
    await page.setViewport({ width: 1200, height: 800 });
  });
}

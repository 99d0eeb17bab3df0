// The page of `giro console`: it reads, has no forms, and leaves out what only the process of `giro up` sees.
import { axe, ROUTES } from "./accessibility.mjs";
import { equal, until } from "./checks.mjs";
import { go, pages, text } from "./pages.mjs";

/** Runs all checks of it; it has the same ledger as the other console. */
export async function reading(run, browser, { reading: url, to }) {
  const opened = await pages(browser, url);
  const { page } = opened;
  await run.check("for reading: it says so, and counts what topics tell", async () => {
    if (!(await text(page, "#notice")).includes("read-only")) throw new Error("the notice doesn't say so");
    await go(page, "#/");
    await until("count of outcomes", async () => /\d/.test(await text(page, "[data-figure=outcomes]")));
    await until("rate", async () => /\d/.test(await text(page, "[data-figure=rate]")));
    equal("the count of settled", await page.$eval("[data-figure=settled]", (it) => it.checkVisibility()), false);
  });
  await run.check("for reading: there is nothing to send, to redrive or to begin", async () => {
    await go(page, "#/dead-letters");
    const letter = await page.$eval("main tbody th a", (it) => it.hash);
    for (const route of ["#/payments", letter, "#/audit", "#/api"]) {
      await go(page, route);
      const found = await page.$$eval("#send, #edited, button.main", (all) => all.length);
      equal(`forms of ${route}`, found, 0);
    }
    const status = await page.evaluate(async () => (await fetch("/api/audit", { method: "POST", body: "{}" })).status);
    equal("the answer to a POST", status, 403);
    const expected = opened.wrong().findIndex((it) => it.includes("status of 403"));
    if (expected >= 0) opened.wrong().splice(expected, 1);
  });
  for (const route of [...ROUTES, `#/accounts/${to}`]) {
    await run.check(`for reading: axe, ${route}`, async () => {
      await go(page, route);
      return axe(page);
    });
  }
  await run.check("for reading: no script error, no violation of the CSP, no request to another origin", () => {
    if (opened.wrong().length > 0) throw new Error(opened.wrong().join("; "));
  });
}

// What a person does with the console: from sending a payment to its outcome, mending a dead letter, an audit.
import { launch } from "./browser.mjs";
import { equal, until } from "./checks.mjs";
import { click, go, text, write } from "./pages.mjs";
import { road } from "./road.mjs";

/** What the page shows as an amount, in minor units. */
const minor = (shown) => BigInt(shown.replace(/\s/g, "").replace("\u2212", "-").replace(/[^\d-]/g, ""));

async function balance(page, account) {
  await go(page, `#/accounts/${account}`);
  return minor(await text(page, "[data-figure=balance]"));
}

/** The form's or the button's last word, once it holds `wanted`. */
const said = (page, wanted) => until(`result with "${wanted}"`, async () => {
  const all = await page.$$eval("main [role=status]", (them) => them.map((it) => it.textContent).join(" "));
  return all.includes(wanted) && all;
}, 40);

const figure = async (page, name) => {
  const shown = await page.$eval(`[data-figure=${name}]`, (it) => (it.checkVisibility() ? it.textContent : ""));
  return shown === "" || shown === "–" ? null : Number(shown.replace(/\D/g, ""));
};

async function pay(run, page, { from, to, currency }) {
  const id = `console-test-${Date.now()}`;
  await run.check("a wrong amount is refused beside its field, and nothing is sent", async () => {
    await go(page, "#/payments");
    for (const [name, value] of [["from", from], ["to", to], ["currency", currency], ["amount", "5.000001"]]) {
      await write(page, `#send [name=${name}]`, value);
    }
    await click(page, "Send payment");
    await said(page, "Nothing was sent");
    equal("the field", await page.evaluate(() => document.activeElement.name), "amount");
    equal("aria-invalid", await page.$eval("#send [name=amount]", (it) => it.getAttribute("aria-invalid")), "true");
  });
  await run.check("a payment is sent, and its outcome and the new balance are shown", async () => {
    const before = await balance(page, to);
    await go(page, "#/payments");
    const fields = { from, to, amount: "5", currency, reference: "console \u202e test", id };
    for (const [name, value] of Object.entries(fields)) await write(page, `#send [name=${name}]`, value);
    const begun = performance.now();
    await click(page, "Send payment");
    await said(page, "Settled:");
    const took = Math.round(performance.now() - begun);
    const after = await until("new balance", async () => {
      const now = await balance(page, to);
      return now !== before && now;
    });
    const moved = after - before;
    if (!/^5(00)?0?$/.test(String(moved))) throw new Error(`the balance changed by ${moved}, not by 5`);
    return `settled after ${took} ms`;
  });
  await run.check("a second click pays nothing, with an id of the form's own or of the person's", async () => {
    const before = await balance(page, to);
    await go(page, "#/payments");
    for (const [name, value] of Object.entries({ from, to, amount: "5", currency })) {
      await write(page, `#send [name=${name}]`, value);
    }
    const twice = () => page.$eval("#send button", (it) => { it.click(); it.click(); });
    await twice();
    await said(page, "Settled:");
    await click(page, "Send payment");
    await said(page, "was sent already");
    await write(page, "#send [name=id]", id);
    await write(page, "#send [name=reference]", "console \u202e test");
    await twice();
    await said(page, "Settled:");
    const after = await balance(page, to);
    if (!/^5(00)?0?$/.test(String(after - before))) throw new Error(`the balance changed by ${after - before}, not by 5`);
  });
  await run.check("its story has record, decision, money and outcome, and escapes its reference", async () => {
    await go(page, `#/payments/${id}`);
    const story = await text(page, ".steps");
    for (const part of ["payment-requests/", "settled", from, to, "ce_type", "giro.payment.settled.v1", "\\u202e"]) {
      if (!story.includes(part)) throw new Error(`the story lacks ${part}`);
    }
  });
  await run.check("it stands on the statement, and search finds the account", async () => {
    await until("posting", async () => {
      await go(page, `#/accounts/${to}`);
      return (await text(page, "main")).includes(id);
    });
    await go(page, "#/accounts");
    await write(page, "[name=search]", to);
    await until("account in the list", () => page.$$eval("main tbody th a", (all, wanted) =>
      all.some((it) => it.textContent === wanted), to));
  });
  await run.check("a declined payment tells why", async () => {
    await go(page, "#/payments");
    const fields = { from, to: `nobody-${Date.now()}`, amount: "1", currency };
    for (const [name, value] of Object.entries(fields)) await write(page, `#send [name=${name}]`, value);
    await click(page, "Send payment");
    await said(page, "Declined, because no account has the creditor's id");
  });
}

/** Opens the parked dead letter whose value has the id. */
async function openLetter(page, id) {
  await go(page, "#/dead-letters");
  const all = await page.$$eval("main tbody tr", (rows) => rows.filter((row) => row.textContent.includes("parked"))
    .map((row) => row.querySelector("a").hash));
  for (const hash of all) {
    await go(page, hash);
    if ((await text(page, "pre").catch(() => "")).includes(`"${id}"`)) return hash;
  }
  throw new Error(`none of ${all.length} parked dead letters has the id ${id}`);
}

async function letters(run, page, { letter }) {
  await run.check("a dead letter is shown with its bytes, mended and redriven, and its payment settles", async () => {
    await until("dead letter", () => openLetter(page, letter));
    const bytes = await text(page, "pre");
    if (!/"amount"\s*:\s*"\d+"/.test(bytes)) throw new Error(`expected an amount that is a text: ${bytes}`);
    await click(page, "Redrive the edited value");
    await said(page, "not edited yet");
    const mended = (await page.$eval("#edited", (it) => it.value)).replace(/("amount"\s*:\s*)"(\d+)"/, "$1$2");
    await page.$eval("#edited", (it, value) => { it.value = value; }, mended);
    await click(page, "Redrive the edited value");
    equal("the focus", await page.evaluate(() => document.activeElement.textContent), "Yes, publish it");
    await click(page, "Yes, publish it");
    await said(page, "Settled:");
    await until("status redriven", async () => (await text(page, "main .facts")).includes("redriven"));
  });
}

async function audit(run, page) {
  await run.check("an audit runs, finds nothing wrong, and counts what the first page counts", async () => {
    const count = async () => {
      await go(page, "#/");
      await until("figures", () => figure(page, "settled").then((it) => it !== null));
      return (await figure(page, "ever")) ?? figure(page, "settled");
    };
    const before = await count();
    await go(page, "#/audit");
    await click(page, "Run an audit");
    await said(page, "The audit has ended.");
    const shown = await text(page, "main");
    const settled = await figure(page, "audit-settled");
    const after = await until("count up to the audit's", async () => {
      const now = await count();
      return now >= settled && now;
    });
    // An audit of a stack that goes on working may not see everything, and says so.
    const words = before === after ? ["Nothing is wrong."] : ["Nothing is wrong.", "Nothing wrong was found so far."];
    if (!words.some((it) => shown.includes(it))) throw new Error(`expected no findings: ${shown}`);
    const isBetween = before <= settled && settled <= after;
    if (!isBetween) throw new Error(`it counts ${settled}, the page ${before} and then ${after}`);
    return `${settled} settled; the first page had ${before} before it and ${after} after it`;
  });
}

async function explore(run, page, { to }) {
  await run.check("the API explorer sends a request and shows status, headers and body", async () => {
    await go(page, "#/api");
    await page.waitForSelector(".list button");
    const names = await page.$$eval(".list button", (all) => all.map((it) => it.textContent));
    const at = names.findIndex((it) => /GET\s+\/accounts\/\{account_id\}$/.test(it));
    await (await page.$$(".list button"))[at].click();
    await write(page, "main form input", to);
    await click(page, "Send");
    await said(page, "Status 200");
    const body = await text(page, "[aria-label='Body of the answer']");
    if (!body.includes('"balance"')) throw new Error(`expected a balance: ${body}`);
    await click(page, "Copy as curl");
    await until("line for curl", async () => (await text(page, "[aria-label='Line for curl']")).startsWith("curl "));
  });
}

async function flow(run, page) {
  await run.check("the first page shows the flow, also as a table, and draws the plots", async () => {
    await go(page, "#/");
    await until("numbers", async () => (await figure(page, "settled")) > 0);
    await page.click("#flow-same");
    await until("numbers in the table", async () => /\d+ settled/.test(await text(page, ".flow table")));
    equal("plots with something drawn", await page.$$eval("canvas", (all) => all.filter((it) => {
      const { data } = it.getContext("2d").getImageData(0, 0, it.width, it.height);
      return data.some((value) => value > 0);
    }).length), 3);
    const isFilled = () => page.$eval(".newest tbody tr:not([hidden])", (it) => it.textContent.length > 20);
    await until("a newest payment", isFilled);
    await page.click("#flow-same");
  });
}

async function strangers(run, opened, { from, to, currency }) {
  await run.check("without the token every form is off and says why, and the server refuses", async () => {
    const page = await opened.stranger();
    if (!(await text(page, "#notice")).includes("has no token")) throw new Error("the notice doesn't say so");
    for (const [route, control] of [["#/payments", "#send fieldset"], ["#/audit", "main button"]]) {
      await go(page, route);
      const why = await page.$eval(control, (it) => it.disabled
        && document.getElementById(it.getAttribute("aria-describedby")).textContent);
      if (!String(why).includes("giro up")) throw new Error(`${route}: the form is on, or doesn't say why`);
    }
    const status = await page.evaluate(async (body) => (await fetch("/api/audit/../payments", { method: "POST",
      body: JSON.stringify(body), headers: { "Content-Type": "application/json" } })).status,
    { from, to, currency, amount: "1" });
    if (status !== 401 && status !== 403) throw new Error(`the server answered ${status} to a payment without a token`);
    await page.close();
    const expected = opened.wrong().findIndex((it) => it.includes(`status of ${status}`));
    if (expected >= 0) opened.wrong().splice(expected, 1);
  });
}

async function lost(run, { url }) {
  await run.check("the page says that the connection is lost, and finds back", async () => {
    const between = await road(url);
    const proxied = [`--proxy-server=http://127.0.0.1:${between.port}`, "--proxy-bypass-list=<-loopback>"];
    const browser = await launch(proxied);
    try {
      const page = await browser.newPage();
      await page.goto(url);
      await page.waitForSelector("#link[data-state=live]");
      between.cut();
      await page.waitForSelector("#link[data-state=lost]", { timeout: 10_000 });
      between.mend();
      await page.waitForSelector("#link[data-state=live]", { timeout: 20_000 });
      await until("numbers again", async () => (await figure(page, "settled")) > 0);
    } finally {
      await browser.close();
      between.end();
    }
  });
}

/** Runs all of them, in their order. */
export async function stories(run, opened, wanted) {
  const { page } = opened;
  await run.check("the token is no longer in the address", () =>
    equal("the address", page.url(), `${opened.origin}/#/`));
  await pay(run, page, wanted);
  await letters(run, page, wanted);
  await audit(run, page);
  await explore(run, page, wanted);
  await flow(run, page);
  await strangers(run, opened, wanted);
  await lost(run, wanted);
}

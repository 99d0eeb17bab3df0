// Tests the console's page in headless Chromium, against a stack that runs. One line a check; exit code 1 if one fails.
//
//   node scripts/console/test.mjs URL --from ACCOUNT --to ACCOUNT --letter ID [--currency EUR] [--screenshots FOLDER]
//                                 [--reading URL]
//   node scripts/console/test.mjs measure URL SECONDS
//
// URL is the console's address with its token. `from` can pay 5.00 to `to`; both are open. ID is the payment id of a
// record that waits as a dead letter, because its amount is a text: {"payment_id":"ID",…,"amount":"250",…}.
// `--reading` is the address of `giro console` over the same ledger.
import { parseArgs } from "node:util";

import { accessibility } from "./accessibility.mjs";
import { launch } from "./browser.mjs";
import { checks } from "./checks.mjs";
import { measure } from "./measure.mjs";
import { pages } from "./pages.mjs";
import { reading } from "./reading.mjs";
import { screenshots } from "./screenshots.mjs";
import { stories } from "./stories.mjs";
import { units } from "./units.mjs";

const NAMES = ["from", "to", "letter", "currency", "screenshots", "reading"];
const OPTIONS = Object.fromEntries(NAMES.map((it) => [it, { type: "string" }]));

function asked() {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (positionals[0] === "measure" && positionals[1] && Number(positionals[2]) > 0) {
    return { measured: { url: positionals[1], seconds: Number(positionals[2]) } };
  }
  const missing = ["from", "to", "letter"].filter((name) => !values[name]);
  if (positionals.length !== 1 || missing.length > 0) {
    console.error("expected: test.mjs URL --from ACCOUNT --to ACCOUNT --letter ID, or: test.mjs measure URL SECONDS");
    process.exit(2);
  }
  return { currency: "EUR", ...values, url: positionals[0] };
}

const wanted = asked();
if (wanted.measured) {
  console.log(JSON.stringify(await measure(wanted.measured.url, wanted.measured.seconds), null, 1));
} else {
  const browser = await launch();
  const run = checks();
  try {
    const opened = await pages(browser, wanted.url);
    await units(run, opened);
    await stories(run, opened, wanted);
    await accessibility(run, opened, wanted);
    if (wanted.reading) await reading(run, browser, wanted);
    if (wanted.screenshots) await screenshots(run, opened, wanted);
    await run.check("no script error, no violation of the CSP, no request to another origin", () => {
      const wrong = opened.wrong();
      if (wrong.length > 0) throw new Error(wrong.join("; "));
    });
  } finally {
    await browser.close();
  }
  process.exit(run.end());
}

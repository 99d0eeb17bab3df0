// The figures of docs/console.md.
import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { go } from "./pages.mjs";

const LARGEST = 150 * 1024;

/** Takes them into a folder. */
export async function screenshots(run, { page, watching }, { screenshots: folder, letter }) {
  await mkdir(folder, { recursive: true });
  const take = async (tab, name) => {
    const path = join(folder, `${name}.png`);
    await tab.screenshot({ path });
    const { size } = statSync(path);
    if (size > LARGEST) throw new Error(`${path} has ${size} bytes, more than ${LARGEST}`);
    return `${Math.round(size / 1024)} KiB`;
  };
  await run.check("screenshot flow", async () => {
    await watching.setViewport({ width: 1200, height: 830 });
    await watching.bringToFront();
    await watching.evaluate(() => new Promise((done) => setTimeout(done, 2500)));
    return take(watching, "flow");
  });
  await page.bringToFront();
  for (const [name, route, scheme] of [
    ["payment", `#/payments/${letter}`, "dark"],
    ["dead-letter", null, "light"],
  ]) {
    await run.check(`screenshot ${name}`, async () => {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      let hash = route;
      if (!hash) {
        await go(page, "#/dead-letters");
        await page.waitForSelector("main tbody th a");
        hash = await page.$eval("main tbody th a", (it) => it.hash);
      }
      await go(page, hash);
      await page.evaluate(() => document.activeElement.blur());
      await page.evaluate(() => new Promise((done) => setTimeout(done, 2500)));
      return take(page, name);
    });
  }
  await page.emulateMediaFeatures([]);
}

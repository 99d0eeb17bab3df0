// The figures of docs/console.md.
import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { go } from "./pages.mjs";

const LARGEST = 150 * 1024;

/** Takes them into a folder. */
export async function screenshots(run, { page }, { screenshots: folder, letter }) {
  await mkdir(folder, { recursive: true });
  await page.setViewport({ width: 1200, height: 800 });
  for (const [name, route, scheme] of [
    ["flow", "#/", "light"],
    ["payment", `#/payments/${letter}`, "dark"],
    ["dead-letter", null, "light"],
  ]) {
    await run.check(`screenshot ${name}`, async () => {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      let hash = route;
      if (!hash) {
        await go(page, "#/dead-letters");
        hash = await page.$eval("main tbody th a", (it) => it.hash);
      }
      await go(page, hash);
      await page.evaluate(() => document.activeElement.blur());
      await page.evaluate(() => new Promise((done) => setTimeout(done, 2500)));
      const path = join(folder, `${name}.png`);
      await page.screenshot({ path, optimizeForSpeed: false });
      const { size } = statSync(path);
      if (size > LARGEST) throw new Error(`${path} has ${size} bytes, more than ${LARGEST}`);
      return `${Math.round(size / 1024)} KiB`;
    });
  }
  await page.emulateMediaFeatures([]);
}

// Starts the pinned Chromium of .tools/console, which scripts/tools.sh installs from npm. No other browser is used.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const TOOLS = resolve(dirname(fileURLToPath(import.meta.url)), "../../.tools/console");
const require = createRequire(join(TOOLS, "package.json"));

/** The text of axe-core, to run in a page. */
export const axeSource = () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Unpacks the browser beside its package, once. Whoever comes second finds it there. */
function unpacked() {
  const place = join(TOOLS, "chromium");
  if (existsSync(place)) return place;
  const packed = join(TOOLS, "node_modules/@sparticuz/chromium/bin");
  if (!existsSync(packed)) throw new Error(`${packed} is not there: run scripts/tools.sh console`);
  const made = mkdtempSync(join(TOOLS, "unpacking-"));
  const read = (name) => brotliDecompressSync(readFileSync(join(packed, name)));
  writeFileSync(join(made, "chromium"), read("chromium.br"), { mode: 0o755 });
  // Its own list of fonts names folders of Lambda. Without any font it dies.
  const folders = [join(place, "fonts"), "/usr/share/fonts"].map((it) => `<dir>${it}</dir>`).join("");
  const cache = `<cachedir>${join(place, "fonts-cache")}</cachedir>`;
  for (const name of ["al2023.tar.br", "fonts.tar.br"]) execFileSync("tar", ["-x", "-C", made], { input: read(name) });
  writeFileSync(join(made, "fonts.conf"), `<?xml version="1.0"?><fontconfig>${folders}${cache}</fontconfig>`);
  try {
    renameSync(made, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
  return place;
}

/** A browser without a window. It runs as root too, so it has no sandbox: it only opens pages of this machine. */
export async function launch(more = []) {
  const { default: puppeteer } = await import(require.resolve("puppeteer-core"));
  const place = unpacked();
  const libraries = [join(place, "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return puppeteer.launch({
    executablePath: join(place, "chromium"),
    headless: "shell",
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--font-render-hinting=none", "--force-color-profile=srgb",
      ...more],
    env: { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(place, "fonts.conf") },
  });
}

/** The CPU seconds that a process and its children have taken, by what they are. */
export function cpuSeconds(root) {
  const all = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name stands in brackets, and may hold any character.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const kind = /--type=([a-z-]+)/.exec(command)?.[1] ?? "browser";
      // Clock ticks are hundredths of a second on Linux.
      const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
      all.set(Number(pid), { parent: Number(fields[1]), kind, seconds });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid) => {
    for (let at = pid; all.has(at); at = all.get(at).parent) if (at === root) return true;
    return false;
  };
  const sums = {};
  for (const [pid, it] of all) if (isBelow(pid)) sums[it.kind] = (sums[it.kind] ?? 0) + it.seconds;
  return sums;
}

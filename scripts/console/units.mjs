// The modules of the page that decide something by themselves, as tables. They run in the browser, as they are served.
import { equal } from "./checks.mjs";

/** Minor units, a currency, and what is shown; `_` is the narrow gap between thousands. */
const SHOWN = [
  ["0", "EUR", "0.00 EUR"],
  ["5", "EUR", "0.05 EUR"],
  ["-5", "EUR", "−0.05 EUR"],
  ["-1250", "EUR", "−12.50 EUR"],
  ["100000", "EUR", "1_000.00 EUR"],
  ["1250", "JPY", "1_250 JPY"],
  ["1250", "KWD", "1.250 KWD"],
  ["1250", "ZZZ", "1_250 ZZZ"],
  ["-9007199254740993123", "EUR", "−90_071_992_547_409_931.23 EUR"],
];

/** An amount as it is written, a currency, and a word of the complaint; null if there is none. */
const WRITTEN = [
  ["5", "EUR", null],
  ["5.0", "EUR", null],
  ["0.01", "EUR", null],
  ["90071992547409.91", "EUR", null],
  ["90071992547409.92", "EUR", "at most"],
  ["0.00", "EUR", "above zero"],
  ["5.001", "EUR", "2 decimals"],
  ["5.0", "JPY", "whole units"],
  ["5,00", "EUR", "Expected"],
  ["-5", "EUR", "Expected"],
  ["1e3", "EUR", "Expected"],
  [".5", "EUR", "Expected"],
  ["", "EUR", "Expected"],
];

/** JSON, and how its value `a` reads: its type and its digits. */
const READ = [
  ['{"a":12}', "number 12"],
  ['{"a":9007199254740991}', "number 9007199254740991"],
  ['{"a":9007199254740993}', "bigint 9007199254740993"],
  ['{"a":-9007199254740993123}', "bigint -9007199254740993123"],
  ['{"a":"9007199254740993"}', "string 9007199254740993"],
  ['{"a":"\\"a\\":9007199254740993"}', 'string "a":9007199254740993'],
  ['{"a":0.125000000000000000}', "number 0.125"],
];

/** Texts, and how they are shown. */
const ESCAPED = [
  ["plain é 漢 €", "plain é 漢 €"],
  ["a\u202eb", "a\\u202eb"],
  ["\u001b[31m\n", "\\u001b[31m\\u000a"],
  ["\ud800", "\\ud800"],
];

/** Bytes, as text if they are UTF-8, and as a hex dump. */
const BYTES = [
  [[72, 105], "Hi", `000000  48 69${" ".repeat(42)}  Hi`],
  [[255, 0, 65], null, `000000  ff 00 41${" ".repeat(39)}  ..A`],
  [[0xef, 0xbb, 0xbf, 65], "\ufeffA", `000000  ef bb bf 41${" ".repeat(36)}  ...A`],
];

/** Runs all tables. */
export async function units(run, { page }) {
  const table = (name, rows, call) => run.check(`table: ${name}`, async () => {
    const found = await page.evaluate(call, rows);
    rows.forEach((row, at) => found[at].forEach((it, column) =>
      equal(JSON.stringify(row[0]), it, row[row.length - found[at].length + column])));
    return `${rows.length} rows`;
  });
  await table("amounts that are shown", SHOWN, async (rows) => {
    const { money } = await import("/money.js");
    return rows.map(([minor, currency]) => [money(BigInt(minor), currency).replaceAll("\u202f", "_")]);
  });
  await run.check("table: amounts that are written", async () => {
    const found = await page.evaluate(async (rows) => {
      const { whyNoAmount } = await import("/money.js");
      return rows.map(([text, currency]) => whyNoAmount(text, currency));
    }, WRITTEN);
    WRITTEN.forEach(([text, currency, word], at) => {
      const isRight = word === null ? found[at] === null : found[at]?.includes(word);
      if (!isRight) throw new Error(`"${text}" ${currency}: expected ${word ?? "no complaint"}, found ${found[at]}`);
    });
    return `${WRITTEN.length} rows`;
  });
  await table("JSON, with every digit", READ, async (rows) => {
    const { parse } = await import("/api.js");
    return rows.map(([text]) => [`${typeof parse(text).a} ${parse(text).a}`]);
  });
  await table("texts that are escaped", ESCAPED, async (rows) => {
    const { shown } = await import("/dom.js");
    return rows.map(([text]) => [shown(text)]);
  });
  await table("bytes", BYTES, async (rows) => {
    const { asText, hexDump } = await import("/bytes.js");
    return rows.map(([bytes]) => [asText(Uint8Array.from(bytes)), hexDump(Uint8Array.from(bytes))]);
  });
  await run.check("JSON with line breaks keeps every number as it was written", async () => {
    const text = '{"a":[1,{},[],"x:{,}"],"b":90071992547409931.50,"c":{"d":null}}';
    const found = await page.evaluate(async (it) => (await import("/api.js")).indented(it), text);
    equal("without its gaps", found.replace(/\n\s*/g, "").replace(/": /g, '":'), text);
    equal("its lines", found.split("\n").length, 12);
  });
}

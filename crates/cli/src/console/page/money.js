// Amounts: whole minor units inside, decimals of the currency for people. No digit is ever lost.

import { stack } from "./api.js";

/** How many decimals a currency has. A code that isn't in ISO 4217 has none. */
export const digits = (currency) => stack.currencies[currency] ?? 0;

/** Whole units with a narrow gap between thousands. */
export function grouped(whole) {
  return String(whole).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Minor units, as a number or a BigInt, in decimals of their currency. */
export function decimal(minor, currency) {
  const places = digits(currency);
  const amount = BigInt(minor);
  const plain = (amount < 0n ? -amount : amount).toString().padStart(places + 1, "0");
  const cut = plain.length - places;
  const fraction = places === 0 ? "" : `.${plain.slice(cut)}`;
  return `${amount < 0n ? "\u2212" : ""}${grouped(plain.slice(0, cut))}${fraction}`;
}

/** The same with the currency behind it; a dash if there is no amount. */
export function money(minor, currency) {
  if (minor === null || minor === undefined) return "–";
  return currency ? `${decimal(minor, currency)} ${currency}` : String(minor);
}

const LARGEST = 9007199254740991n;

/** Why a text is no amount of the currency, or null if it is one. */
export function whyNoAmount(text, currency) {
  const places = digits(currency);
  const wanted = places === 0 ? "whole units, such as 500"
    : `at most ${places} decimals, such as 5.${"0".repeat(places)}`;
  const parts = /^(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (!parts) return `Expected an amount in ${currency}: ${wanted}.`;
  if ((parts[2] ?? "").length > places) return `${currency} has ${wanted}.`;
  const minor = BigInt(parts[1] + (parts[2] ?? "").padEnd(places, "0"));
  if (minor === 0n) return "Expected an amount above zero.";
  return minor > LARGEST ? `Expected at most ${decimal(LARGEST, currency)} ${currency}.` : null;
}

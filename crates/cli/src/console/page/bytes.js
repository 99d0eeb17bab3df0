// Bytes of records: as text where they are UTF-8, else as a hex dump.

const SHOWN_BYTES = 8192;

/** The bytes of a base64 text; null stays null. */
export function fromBase64(text) {
  if (text === null || text === undefined) return null;
  return Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
}

/** A text as base64 of its UTF-8. */
export function toBase64(text) {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The text that the bytes are, or null if they aren't UTF-8. */
export function asText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Sixteen bytes a line: offset, hex, and what is printable. */
export function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, SHOWN_BYTES); at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((it) => it.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const text = row.map((it) => (it > 31 && it < 127 ? String.fromCharCode(it) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${text}`);
  }
  if (bytes.length > SHOWN_BYTES) lines.push(`… ${bytes.length - SHOWN_BYTES} more bytes`);
  return lines.join("\n");
}

/** How many bytes, in words. */
export const size = (bytes) => (bytes === null ? "none" : `${bytes.length} byte${bytes.length === 1 ? "" : "s"}`);

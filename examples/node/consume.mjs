// Counts outcomes, each once: consume.mjs STATE RECORDS
//
// Reads so many records of the topic of outcomes, counts in the file STATE those that it hasn't counted, and prints
// sums. Kafka delivers a record again after a crash, and Giro may publish one twice. STATE tells which are new.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { Consumer, stringDeserializers } from "@platformatic/kafka";

const [state, records] = process.argv.slice(2);
if (records === undefined) {
  console.error("usage: consume.mjs STATE RECORDS");
  process.exit(2);
}
// Commits are for a short restart only, so they need not follow each record.
const COMMIT_MS = 1_000 * Number(process.env.COMMIT_SECONDS ?? 5);

// One line an outcome: its event, what it is, and its sums. A crash may leave a line without its end: that outcome is
// not counted, and its record comes again.
const text = existsSync(state) ? readFileSync(state, "utf8") : "";
const whole = text.slice(0, text.lastIndexOf("\n") + 1);
if (whole.length < text.length) truncateSync(state, Buffer.byteLength(whole));
const counted = new Map(whole.split("\n").filter(Boolean).map((line) => [JSON.parse(line).event, JSON.parse(line)]));
const file = openSync(state, "a");

function count(record) {
  const outcome = JSON.parse(record.value);
  const kind = outcome.kind ?? "payment";
  // A kind of a newer version is no payment.
  if (!["payment", "refund"].includes(kind)) return;
  // Records of old versions have no headers, and mean the same.
  const source = record.headers.get("ce_source") ?? "/giro/payments";
  const event = `${source} ${record.headers.get("ce_id") ?? outcome.payment_id}`;
  if (counted.has(event)) return;
  const sums = {};
  for (const { currency = "-", amount = 0 } of outcome.legs ?? [outcome]) {
    // Payments in XTS are those of the canary. An amount is exact as a number, and a sum of many may not be.
    if (currency !== "XTS") sums[currency] = String(BigInt(sums[currency] ?? 0) + BigInt(amount));
  }
  const line = { event, what: `${kind} ${outcome.status}`, sums };
  writeSync(file, `${JSON.stringify(line)}\n`);
  counted.set(event, line);
}

const consumer = new Consumer({
  clientId: "giro-example",
  bootstrapBrokers: process.env.KAFKA_BOOTSTRAP_SERVERS.split(","),
  // The file has one writer. Several processes of one group need a database in its place.
  groupId: process.env.CONSUMER_GROUP ?? "example-node",
  deserializers: stringDeserializers,
  // This program commits, behind the file. A commit before it would lose outcomes in a crash.
  autocommit: false,
  // How soon others take over the partitions of a process that died.
  sessionTimeout: 6_000,
  heartbeatInterval: 2_000,
});
const stream = await consumer.consume({
  topics: [process.env.OUTCOMES_TOPIC ?? "payment-outcomes"],
  // A group that is new reads all outcomes that the topic has.
  mode: "committed",
  fallbackMode: "earliest",
});
let left = Number(records);
let committedAt = Date.now();
const read = new Map();
for await (const record of stream) {
  count(record);
  const { topic, partition, offset } = record;
  read.set(partition, { topic, partition, offset: offset + 1n, leaderEpoch: -1 });
  left -= 1;
  if (left === 0 || Date.now() - committedAt > COMMIT_MS) {
    // On disk before any offset is committed.
    fsyncSync(file);
    await consumer.commit({ offsets: [...read.values()] });
    committedAt = Date.now();
  }
  if (left === 0) break;
}
closeSync(file);
await consumer.close(true);

const totals = new Map();
for (const { what, sums } of counted.values()) {
  for (const [currency, amount] of Object.entries(sums)) {
    const total = totals.get(`${currency} ${what}`) ?? [0, 0n];
    totals.set(`${currency} ${what}`, [total[0] + 1, total[1] + BigInt(amount)]);
  }
}
for (const [name, [number, amount]] of [...totals].sort()) console.log(`${name}: ${number}, in all ${amount}`);

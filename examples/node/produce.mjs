// Asks for payments: produce.mjs DEBTOR CREDITOR CURRENCY COUNT PREFIX
//
// Payment 1 has the id PREFIX-1 and moves 1 minor unit, payment 2 moves 2, and so on. Run it again with the same
// arguments, and nothing moves twice: an id has one outcome for ever.
import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";

const [debtor, creditor, currency, count, prefix] = process.argv.slice(2);
if (prefix === undefined) {
  console.error("usage: produce.mjs DEBTOR CREDITOR CURRENCY COUNT PREFIX");
  process.exit(2);
}
const topic = process.env.REQUESTS_TOPIC ?? "payment-requests";
const producer = new Producer({
  clientId: "giro-example",
  // As `giro status kafka` tells it. docs/clients.md says which settings Amazon MSK needs beside it.
  bootstrapBrokers: process.env.KAFKA_BOOTSTRAP_SERVERS.split(","),
  serializers: stringSerializers,
  // The client's own retries neither double nor reorder records.
  idempotent: true,
  // Without acks of all replicas, a request may be lost after it was acknowledged.
  acks: ProduceAcks.ALL,
  // Node has zstd from version 22.15 on.
  compression: process.env.COMPRESSION ?? "gzip",
});

const messages = Array.from({ length: Number(count) }, (_, index) => ({
  topic,
  // The key is the debtor's account, so that its requests are decided in their order. This client chooses the
  // partition of a key as Java and Giro itself do.
  key: debtor,
  value: JSON.stringify({
    // From the order, say, and never random in the loop: whoever tries again must give the same id.
    payment_id: `${prefix}-${index + 1}`,
    debtor_account: debtor,
    creditor_account: creditor,
    // Whole minor units: 500 of EUR is 5.00.
    amount: index + 1,
    currency,
  }),
}));
try {
  // Only what the broker has acknowledged is asked for.
  await producer.send({ messages });
  console.log(`asked for ${count} payments`);
} catch (error) {
  console.error(`the requests were not acknowledged: ${error.message}: run it again`);
  process.exitCode = 1;
} finally {
  await producer.close();
}

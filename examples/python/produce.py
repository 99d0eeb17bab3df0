"""Asks for payments: produce.py DEBTOR CREDITOR CURRENCY COUNT PREFIX

Payment 1 has the id PREFIX-1 and moves 1 minor unit, payment 2 moves 2, and so on. Run it again with the same
arguments, and nothing moves twice: an id has one outcome for ever.
"""

import json
import os
import sys

from confluent_kafka import Producer

SETTINGS = {
    # As `giro status kafka` tells it. docs/clients.md says which settings Amazon MSK needs beside it.
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    # Without acks of all replicas, a request may be lost after it was acknowledged.
    "acks": "all",
    # The client's own retries neither double nor reorder records.
    "enable.idempotence": True,
    # As Java and Giro itself choose the partition of a key. librdkafka's own choice is another one, and requests of
    # one account on two partitions have no order.
    "partitioner": "murmur2_random",
    "compression.type": os.environ.get("COMPRESSION", "zstd"),
}


def main(debtor: str, creditor: str, currency: str, count: str, prefix: str) -> None:
    producer = Producer(SETTINGS)
    refused = []
    for number in range(1, int(count) + 1):
        request = {
            # From the order, say, and never random in the loop: whoever tries again must give the same id.
            "payment_id": f"{prefix}-{number}",
            "debtor_account": debtor,
            "creditor_account": creditor,
            # Whole minor units: 500 of EUR is 5.00.
            "amount": number,
            "currency": currency,
        }
        # The key is the debtor's account, so that its requests are decided in their order.
        producer.produce(
            os.environ.get("REQUESTS_TOPIC", "payment-requests"),
            key=debtor,
            value=json.dumps(request),
            on_delivery=lambda error, record: refused.append(error) if error else None,
        )
        producer.poll(0)
    # Only what the broker has acknowledged is asked for.
    waiting = producer.flush(60)
    if waiting or refused:
        sys.exit(f"{waiting + len(refused)} requests were not acknowledged, such as {refused[:1]}: run it again")
    print(f"asked for {count} payments")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Counts outcomes, each once: consume.py STATE RECORDS

Reads so many records of the topic of outcomes, counts in the database STATE those that it hasn't counted, and prints
sums. Kafka delivers a record again after a crash, and Giro may publish one twice. The primary key takes each once.
"""

import json
import os
import sqlite3
import sys
import time
from collections import Counter

from confluent_kafka import Consumer

SETTINGS = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    # All that share one STATE are one group, and the records are shared out among them.
    "group.id": os.environ.get("CONSUMER_GROUP", "example-python"),
    # A group that is new reads all outcomes that the topic has.
    "auto.offset.reset": "earliest",
    # This program commits, behind the database. A commit before it would lose outcomes in a crash.
    "enable.auto.commit": False,
    # How soon others take over the partitions of a process that died.
    "session.timeout.ms": 6000,
}
# Commits are for a short restart only, so they need not follow each record.
COMMIT_SECONDS = float(os.environ.get("COMMIT_SECONDS", 5))
TABLE = """
create table if not exists counted (
    source text, id text, currency text, what text, amount integer, primary key (source, id, currency)
)"""


def rows(record) -> list[tuple]:
    outcome = json.loads(record.value())
    headers = {name: value.decode() for name, value in record.headers() or []}
    kind = outcome.get("kind", "payment")
    # A kind of a newer version is no payment.
    if kind not in ("payment", "refund"):
        return []
    # Records of old versions have no headers, and mean the same.
    source, event = headers.get("ce_source", "/giro/payments"), headers.get("ce_id", outcome["payment_id"])
    sums = Counter()
    for movement in outcome.get("legs", [outcome]):
        # A declined refund may tell no amount.
        sums[movement.get("currency", "-")] += movement.get("amount", 0)
    # Payments in XTS are those of the canary.
    what = f"{kind} {outcome['status']}"
    return [(source, event, currency, what, amount) for currency, amount in sums.items() if currency != "XTS"]


def main(state: str, records: str) -> None:
    database = sqlite3.connect(state)
    database.execute(TABLE)
    consumer = Consumer(SETTINGS)
    consumer.subscribe([os.environ.get("OUTCOMES_TOPIC", "payment-outcomes")])
    left, committed_at = int(records), time.monotonic()
    while left > 0:
        batch = consumer.consume(min(left, 500), timeout=1)
        for record in batch:
            if record.error():
                sys.exit(f"reading outcomes: {record.error()}")
        # One transaction a batch. It is on disk before any offset is committed.
        with database:
            for record in batch:
                database.executemany("insert or ignore into counted values (?, ?, ?, ?, ?)", rows(record))
        left -= len(batch)
        if batch and (left == 0 or time.monotonic() - committed_at > COMMIT_SECONDS):
            consumer.commit(asynchronous=False)
            committed_at = time.monotonic()
    consumer.close()
    sums = "select currency, what, count(*), sum(amount) from counted group by 1, 2 order by 1, 2"
    for currency, what, count, amount in database.execute(sums):
        print(f"{currency} {what}: {count}, in all {amount}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

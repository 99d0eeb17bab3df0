"""A client in pure Python, for the tests: it shares no code with librdkafka.

    produce PREFIX COUNT    payments in each codec, each idempotently, by ids such as PREFIX-zstd-1
    transactions COUNT      payments in a transaction that commits, and in one that doesn't, by ids such as aborted-1
    codecs                  which codecs the batches on the topic of requests have, by the ids' prefixes, as JSON
"""

import asyncio
import json
import os
import sys

# Without it the package takes its parts in C.
os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.memory_records import MemoryRecords

SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
TOPIC = "payment-requests"
# As the attributes of a batch have them.
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


async def send(producer, prefix, count):
    sent = []
    for number in range(1, count + 1):
        payment = {"payment_id": f"{prefix}-{number}", "debtor_account": "bank", "creditor_account": "alice"}
        payment |= {"amount": number, "currency": "EUR"}
        sent.append(await producer.send(TOPIC, key=b"bank", value=json.dumps(payment).encode()))
    await asyncio.gather(*sent)


async def produce(prefix, count):
    for codec in CODECS:
        settings = {"compression_type": None if codec == "none" else codec, "enable_idempotence": True}
        async with AIOKafkaProducer(bootstrap_servers=SERVERS, linger_ms=5, **settings) as producer:
            await send(producer, f"{prefix}-{codec}", int(count))


async def transactions(count):
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id="clients") as producer:
        await producer.begin_transaction()
        await send(producer, "aborted", int(count))
        await producer.abort_transaction()
        async with producer.transaction():
            await send(producer, "committed", int(count))


async def codecs():
    found = {}
    next_batch = MemoryRecords.next_batch

    def noted(self):
        batch = next_batch(self)
        if batch is not None and not batch.is_control_batch:
            # A copy is read, because the consumer reads the batch itself.
            for record in type(batch)(bytes(batch._buffer)):
                prefix = json.loads(record.value)["payment_id"].rsplit("-", 1)[0]
                found.setdefault(prefix, set()).add(CODECS[batch.compression_type])
        return batch

    MemoryRecords.next_batch = noted
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=SERVERS, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            await consumer.getmany(timeout_ms=500)
    print(json.dumps({prefix: sorted(codecs) for prefix, codecs in found.items()}))


asyncio.run({"produce": produce, "transactions": transactions, "codecs": codecs}[sys.argv[1]](*sys.argv[2:]))

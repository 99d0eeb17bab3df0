"""The payment handler as a team would write it with Powertools for AWS Lambda (Python), measured.

In: an endpoint of DynamoDB, and files that each hold one Kafka event. Out: one line of JSON with what it took.

`BatchProcessor(EventType.Kafka)` gives each record to a function of its own and reports the failed ones; the idempotency
utility writes an item in progress before it and its result after it; the function reads the two accounts, decides, and
commits one transaction of three items. Items, conditions and rules are those of Giro, retries have full jitter, and the
HTTP client is boto3's own with its defaults, but for the connection and the retries that Giro's client doesn't have either.

Limits: declines other than insufficient funds are not decided, because no workload here asks for them.
"""

import argparse
import hashlib
import json
import os
import random
import time
from types import SimpleNamespace

os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")

import boto3  # noqa: E402
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response  # noqa: E402
from aws_lambda_powertools.utilities.idempotency import (  # noqa: E402
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from botocore.config import Config  # noqa: E402

arguments = argparse.ArgumentParser()
arguments.add_argument("--endpoint", required=True)
arguments.add_argument("events", nargs="+")
args = arguments.parse_args()

client = boto3.client("dynamodb", endpoint_url=args.endpoint, config=Config(retries={"max_attempts": 1}))
counted = {"calls": 0, "write_units": 0.0, "read_units": 0.0, "conflicts": 0}
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


def ask_for_units(params, model, **_):
    """Every call tells what it consumed, the utility's own among them."""
    if "ReturnConsumedCapacity" in model.input_shape.members:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")


def count(parsed, model, **_):
    if model.name == "CreateTable":
        return
    counted["calls"] += 1
    consumed = parsed.get("ConsumedCapacity") or []
    for units in consumed if isinstance(consumed, list) else [consumed]:
        counted["write_units" if model.name in WRITES else "read_units"] += units.get("CapacityUnits", 0.0)


client.meta.events.register("provide-client-params.dynamodb", ask_for_units)
client.meta.events.register("after-call.dynamodb", count)
client.create_table(
    TableName="idempotency",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)

processor = BatchProcessor(event_type=EventType.Kafka)
idempotency = IdempotencyConfig(event_key_jmespath="payment_id", expires_after_seconds=7 * 24 * 3600)
persistence = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=client)

APPLY = "SET balance = balance + :net, version = version + :one"


def update(account, net, currency, floor=None):
    condition = "#status = :open AND currency = :currency"
    values = {":net": {"N": str(net)}, ":one": {"N": "1"}, ":open": {"S": "open"}, ":currency": {"S": currency}}
    if floor is not None:
        condition += " AND balance >= :floor"
        values[":floor"] = {"N": str(floor)}
    return {
        "Update": {
            "TableName": "accounts",
            "Key": {"account_id": {"S": account}},
            "UpdateExpression": APPLY,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": values,
        }
    }


def fingerprint(payment):
    debtor, creditor = payment["debtor_account"].encode(), payment["creditor_account"].encode()
    text = bytes([1, len(debtor)]) + debtor + bytes([len(creditor)]) + creditor
    text += payment["amount"].to_bytes(8, "big") + payment["currency"].encode()
    reference = payment.get("reference")
    text += b"\0" if reference is None else b"\1" + len(reference.encode()).to_bytes(2, "big") + reference.encode()
    return hashlib.sha256(text).hexdigest()


def settle(payment, record):
    """Reads, decides, commits; again while others are in the way."""
    tries = 0
    while True:
        debtor, creditor = payment["debtor_account"], payment["creditor_account"]
        keys = [{"account_id": {"S": account}} for account in (debtor, creditor)]
        answer = client.batch_get_item(RequestItems={"accounts": {"Keys": keys, "ConsistentRead": True}})
        accounts = {item["account_id"]["S"]: item for item in answer["Responses"]["accounts"]}
        limit = int(accounts[debtor].get("overdraft_limit", {"N": "0"})["N"])
        settled = int(accounts[debtor]["balance"]["N"]) - payment["amount"] >= -limit
        item = {
            "payment_id": {"S": payment["payment_id"]},
            "status": {"S": "settled" if settled else "declined"},
            "debtor_account": {"S": debtor},
            "creditor_account": {"S": creditor},
            "amount": {"N": str(payment["amount"])},
            "currency": {"S": payment["currency"]},
            "decided_at": {"S": "1970-01-01T00:00:00.000Z"},
            "fingerprint": {"S": fingerprint(payment)},
            "source_topic": {"S": record.topic},
            "source_partition": {"N": str(record.partition)},
            "source_offset": {"N": str(record.offset)},
            "debtor_statement": {"S": debtor},
            "creditor_statement": {"S": creditor},
        }
        if payment.get("reference") is not None:
            item["reference"] = {"S": payment["reference"]}
        if not settled:
            item["reason_code"] = {"S": "insufficient_funds"}
        put = {"TableName": "payments", "Item": item, "ConditionExpression": "attribute_not_exists(payment_id)"}
        actions = [{"Put": put}]
        if settled:
            actions.append(update(debtor, -payment["amount"], payment["currency"], payment["amount"] - limit))
            actions.append(update(creditor, payment["amount"], payment["currency"]))
        try:
            client.transact_write_items(TransactItems=actions)
            return item["status"]["S"]
        except client.exceptions.TransactionCanceledException as cancelled:
            reasons = [reason.get("Code") for reason in cancelled.response["CancellationReasons"]]
            if reasons[0] == "ConditionalCheckFailed":
                return "replayed"
            counted["conflicts"] += "TransactionConflict" in reasons
            tries += 1
            time.sleep(random.uniform(0, min(1.0, 0.02 * 2**tries)))


def record_handler(record):
    @idempotent_function(data_keyword_argument="payment", config=idempotency, persistence_store=persistence)
    def once(payment):
        return settle(payment, record)

    return once(payment=record.json_value)


context = SimpleNamespace(
    function_name="payments",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:0:function:payments",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 840_000,
)
idempotency.register_lambda_context(context)

batch_us = []
cpu = time.process_time()
for path in args.events:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    started = time.perf_counter()
    response = process_partial_response(
        event=json.loads(text), record_handler=record_handler, processor=processor, context=context
    )
    batch_us.append(round((time.perf_counter() - started) * 1e6))
    assert response == {"batchItemFailures": []}, response
with open("/proc/self/status", encoding="ascii") as status:
    # Not getrusage's: that one still holds what the process before exec had.
    peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(
    json.dumps(
        {
            "batch_us": batch_us,
            "calls": counted["calls"],
            "write_milliunits": round(counted["write_units"] * 1000),
            "read_milliunits": round(counted["read_units"] * 1000),
            "conflicts": counted["conflicts"],
            "cpu_us": round((time.process_time() - cpu) * 1e6),
            "peak_kb": peak_kb,
        }
    )
)

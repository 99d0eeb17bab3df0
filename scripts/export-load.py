#!/usr/bin/env python3
"""Writes an export of a clean ledger with so many payments, to see how long the SQL in analytics/ takes."""

import argparse
import base64
import gzip
import hashlib
import json
import random
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE_ITEMS = 250_000


def write(folder: Path, table: str, items) -> None:
    """Writes a full export of a table, in files of so many items."""
    export = folder / table / "AWSDynamoDB" / "00000000000000-00000000"
    (export / "data").mkdir(parents=True)
    files, file = {}, None
    for number, item in enumerate(items):
        if number % FILE_ITEMS == 0:
            if file:
                file.close()
            # The level that gzip has by itself is slower by much, and smaller by little.
            name = f"{number:012}.json.gz"
            file, files[name] = gzip.open(export / "data" / name, "wt", compresslevel=3, encoding="utf-8"), 0
        files[name] += 1
        file.write(json.dumps({"Item": item}, separators=(",", ":")) + "\n")
    if file:
        file.close()
    else:
        gzip.open(export / "data" / "empty.json.gz", "wt").close()
        files["empty.json.gz"] = 0
    with open(export / "manifest-files.json", "w", encoding="utf-8") as manifest:
        for name, items in files.items():
            digest = hashlib.md5((export / "data" / name).read_bytes()).digest()
            manifest.write(json.dumps({"itemCount": items, "md5Checksum": base64.b64encode(digest).decode(),
                                       "dataFileS3Key": f"{table}/AWSDynamoDB/{export.name}/data/{name}"}) + "\n")
    summary = {"itemCount": sum(files.values()), "outputFormat": "DYNAMODB_JSON", "exportTime": "2026-11-29T00:00:00Z"}
    (export / "manifest-summary.json").write_text(json.dumps(summary), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("payments", type=int)
    parser.add_argument("folder", type=Path, help="must be new")
    arguments = parser.parse_args()
    golden = json.loads((ROOT / "tests/golden/tables/payments.json").read_text(encoding="utf-8"))
    plain = [item for item in golden if not {"kind", "legs", "limits_version"} & item.keys()]
    longest = max((item for item in plain if item["status"]["S"] == "settled"), key=lambda item: len(json.dumps(item)))
    accounts = [f"account-{number:08}" for number in range(max(10, arguments.payments // 100))]
    balances = dict.fromkeys(accounts, 0)
    random.seed(16)

    def payments():
        for number in range(arguments.payments):
            debtor, creditor = random.sample(accounts, 2)
            amount = random.randint(1, 100_000)
            balances[debtor] -= amount
            balances[creditor] += amount
            at = f"2026-11-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00"
            yield longest | {
                "payment_id": {"S": str(uuid.UUID(int=random.getrandbits(128)))}, "amount": {"N": str(amount)},
                "debtor_account": {"S": debtor}, "debtor_statement": {"S": debtor},
                "creditor_account": {"S": creditor}, "creditor_statement": {"S": creditor},
                "currency": {"S": "EUR"}, "decided_at": {"S": f"{at}.{random.randint(0, 999):03}Z"},
                "requested_at": {"S": f"{at}.000Z"}, "fingerprint": {"S": f"{random.getrandbits(256):064x}"},
            }

    write(arguments.folder, "payments", payments())
    write(arguments.folder, "accounts", (
        {"account_id": {"S": name}, "currency": {"S": "EUR"}, "status": {"S": "open"}, "balance": {"N": str(balance)},
         "version": {"N": "7"}, "opened_at": {"S": "2026-10-01T00:00:00.000Z"}}
        for name, balance in balances.items()))
    write(arguments.folder, "refunds", [])
    write(arguments.folder, "dead-letters", [])
    return 0


if __name__ == "__main__":
    sys.exit(main())

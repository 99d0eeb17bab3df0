"""Writes an incremental export: what changed from one full export of the tables to another.

It shares nothing with the code that writes full exports. An item that is new has no old image, and one that was deleted
has no new one. Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".
"""

import gzip
import json
import sys
from pathlib import Path

KEYS = {
    "accounts": ["account_id"],
    "payments": ["payment_id"],
    "refunds": ["payment_id"],
    "dead-letters": ["source", "part"],
}


def items(export: Path, table: str) -> dict[str, dict]:
    """The items of the full exports of a table, by key."""
    found = {}
    for file in (export / table / "AWSDynamoDB").glob("*/data/*.json.gz"):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                item = json.loads(line)["Item"]
                found[json.dumps([item[name] for name in KEYS[table]])] = item
    return found


def main() -> None:
    old_export, new_export, into = map(Path, sys.argv[1:4])
    micros = int(sys.argv[4])
    for table, names in KEYS.items():
        old, new = items(old_export, table), items(new_export, table)
        lines = []
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) == new.get(key):
                continue
            either = new.get(key) or old[key]
            line = {
                "Metadata": {"WriteTimestampMicros": {"N": str(micros)}},
                "Keys": {name: either[name] for name in names},
            }
            if key in old:
                line["OldImage"] = old[key]
            if key in new:
                line["NewImage"] = new[key]
            lines.append(json.dumps(line, separators=(",", ":")) + "\n")
        # Incremental exports share one folder of data.
        folder, data = into / table / "AWSDynamoDB" / f"{micros:014}-changes", into / table / "AWSDynamoDB" / "data"
        folder.mkdir(parents=True)
        data.mkdir(exist_ok=True)
        with gzip.open(data / f"{micros}.json.gz", "wt", encoding="utf-8") as file:
            file.writelines(lines)
        summary = {"version": "2023-08-01", "itemCount": len(lines), "exportType": "INCREMENTAL_EXPORT",
                   "outputFormat": "DYNAMODB_JSON", "outputView": "NEW_AND_OLD_IMAGES"}
        (folder / "manifest-summary.json").write_text(json.dumps(summary), encoding="utf-8")


main()

"""Writes an incremental export: what changed from one full export of the tables to another.

It shares nothing with the code that writes full exports. An item that was deleted has no new image. Windows of a
quarter of an hour are numbered from the time of the full export in the folder: 1 is the first that follows it, and 0
the last before it. Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".
"""

import base64
import gzip
import hashlib
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

KEYS = {
    "accounts": ["account_id"],
    "payments": ["payment_id"],
    "refunds": ["payment_id"],
    "dead-letters": ["source", "part"],
}
WINDOW = timedelta(minutes=15)


def items(export: Path, table: str) -> dict[str, dict]:
    """The items of the full exports of a table, by key."""
    found = {}
    for file in (export / table / "AWSDynamoDB").glob("*/data/*.json.gz"):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                item = json.loads(line)["Item"]
                found[json.dumps([item[name] for name in KEYS[table]])] = item
    return found


def full_time(table: Path) -> datetime:
    """When the full export of a table is of."""
    for summary in table.glob("AWSDynamoDB/*/manifest-summary.json"):
        told = json.loads(summary.read_text(encoding="utf-8"))
        if told.get("exportType", "FULL_EXPORT") == "FULL_EXPORT":
            return datetime.fromisoformat(told["exportTime"].replace("Z", "+00:00")).replace(microsecond=0)
    raise ValueError(f"{table}: expected a full export")


def write(table: Path, lines: list[str], since: datetime) -> None:
    """Writes lines as an incremental export of a table."""
    # Incremental exports share one folder of data.
    name = f"{int(since.timestamp() * 1000):014}-changes"
    folder, data = table / "AWSDynamoDB" / name, table / "AWSDynamoDB" / "data"
    folder.mkdir(parents=True)
    data.mkdir(exist_ok=True)
    file = data / f"{name}.json.gz"
    file.write_bytes(gzip.compress("".join(lines).encode()))
    checksum = base64.b64encode(hashlib.md5(file.read_bytes()).digest()).decode()
    told = {"itemCount": len(lines), "md5Checksum": checksum,
            "dataFileS3Key": f"second/{table.name}/AWSDynamoDB/data/{file.name}"}
    (folder / "manifest-files.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
    summary = {"version": "2023-08-01", "itemCount": len(lines), "exportType": "INCREMENTAL_EXPORT",
               "exportFromTime": since.isoformat(), "exportToTime": (since + WINDOW).isoformat(),
               "outputFormat": "DYNAMODB_JSON", "outputView": "NEW_IMAGE"}
    (folder / "manifest-summary.json").write_text(json.dumps(summary), encoding="utf-8")


def main() -> None:
    old_export, new_export, into = map(Path, sys.argv[1:4])
    window = int(sys.argv[4])
    for table, names in KEYS.items():
        old, new = items(old_export, table), items(new_export, table)
        since = full_time(into / table) + (window - 1) * WINDOW
        lines = []
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) == new.get(key):
                continue
            either = new.get(key) or old[key]
            line = {
                "Metadata": {"WriteTimestampMicros": {"N": str(int(since.timestamp()) * 1_000_000 + 1)}},
                "Keys": {name: either[name] for name in names},
            }
            if key in new:
                line["NewImage"] = new[key]
            lines.append(json.dumps(line, separators=(",", ":")) + "\n")
        write(into / table, lines, since)


main()

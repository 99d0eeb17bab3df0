"""Whether a folder holds one whole export of each table: a full one, and incremental ones that follow it.

An incremental export that is older than the full one would put old images in the place of newer ones. One that is
missing would leave old images there. So each begins where the one before has ended, and all tables end at one time.
Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TABLES = ["accounts", "payments", "refunds", "dead-letters"]
ROOT = "AWSDynamoDB"
BLOCK_BYTES = 1 << 20


class NotWhole(ValueError):
    """Why a folder can't be read as one export."""


@dataclass(frozen=True)
class Export:
    """What the manifests of an export say: of itself, and the checksum and the items of each file."""

    folder: Path
    summary: dict
    files: dict[Path, tuple[str, int]]

    def is_full(self) -> bool:
        return self.summary.get("exportType", "FULL_EXPORT") == "FULL_EXPORT"

    def second(self, name: str) -> datetime:
        """A time of the summary, in whole seconds as incremental exports are asked for."""
        try:
            return datetime.fromisoformat(self.summary[name].replace("Z", "+00:00")).replace(microsecond=0)
        except (KeyError, AttributeError, ValueError) as error:
            raise NotWhole(f"{self.folder}/manifest-summary.json: expected the time {name}") from error


def read(folder: Path) -> Export:
    """Reads the manifests of an export."""
    summary_file, files_file = folder / "manifest-summary.json", folder / "manifest-files.json"
    for file in (summary_file, files_file):
        if not file.is_file():
            raise NotWhole(f"{folder}: expected {file.name}. Did the export come to its end, and was all of it copied?")
    try:
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        export_format, count = summary["outputFormat"], summary["itemCount"]
        files = {}
        for line in files_file.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            # The key begins with the prefix in the bucket, and the folder stands for that.
            name = told["dataFileS3Key"].rpartition(f"{ROOT}/")[2]
            files[folder.parent / name] = (told["md5Checksum"], told["itemCount"])
        items = sum(items for _, items in files.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotWhole(f"{folder}: expected manifests as DynamoDB writes them: {error!r}") from error
    if export_format != "DYNAMODB_JSON":
        raise NotWhole(f"{folder}: expected the format DYNAMODB_JSON, and got {export_format}")
    if items != count:
        raise NotWhole(f"{folder}: expected {count} items, and its files have {items}")
    return Export(folder, summary, files)


def checked(table: Path, exports: list[Export]) -> int:
    """Checks each file of a table by its checksum. Gives how many items there must be."""
    told = {file: what for export in exports for file, what in export.files.items()}
    there = set((table / ROOT).rglob("*.json.gz"))
    for file in sorted(there - told.keys()):
        raise NotWhole(f"{file}: expected only files that a manifest names")
    for file, (checksum, _) in sorted(told.items()):
        if file not in there:
            raise NotWhole(f"{file}: expected this file, as the manifest names it. Was all of the export copied?")
        digest = hashlib.md5(usedforsecurity=False)
        with file.open("rb") as data:
            while block := data.read(BLOCK_BYTES):
                digest.update(block)
        if base64.b64encode(digest.digest()).decode() != checksum:
            raise NotWhole(f"{file}: expected the checksum {checksum}. Copy this file again")
    return sum(items for _, items in told.values())


def span(table: Path, exports: list[Export]) -> tuple[datetime, datetime]:
    """The time of the full export of a table, and the time up to which incremental ones bring it."""
    full = [export for export in exports if export.is_full()]
    if len(full) != 1:
        raise NotWhole(f"{table}: expected one full export, and got {len(full)}. Give each a folder of its own")
    began = reach = full[0].second("exportTime")
    changes = [export for export in exports if not export.is_full()]
    for export in sorted(changes, key=lambda export: export.second("exportFromTime")):
        since = export.second("exportFromTime")
        if since < began:
            raise NotWhole(f"{export.folder}: it begins at {since}, before the full export of {began}. Its images are"
                           " older: keep incremental exports beside the full one that they follow")
        if since > reach:
            raise NotWhole(f"{export.folder}: it begins at {since}, and there is no export from {reach} to then")
        reach = max(reach, export.second("exportToTime"))
    return began, reach


def whole(export: Path) -> dict[str, int]:
    """How many lines each table of an export must have. Raises NotWhole if it is no whole export."""
    counts, spans = {}, {}
    for table in TABLES:
        folders = [path for path in (export / table / ROOT).glob("*") if path.is_dir() and path.name != "data"]
        if not folders:
            raise NotWhole(f"{export / table}: expected a folder {ROOT} with an export in it")
        exports = [read(folder) for folder in sorted(folders)]
        spans[table] = span(export / table, exports)
        counts[table] = checked(export / table, exports)
    if len(set(spans.values())) > 1:
        times = ", ".join(f"{table} from {began} to {reach}" for table, (began, reach) in spans.items())
        raise NotWhole(f"{export}: expected tables of one time, and got {times}")
    return counts

#!/usr/bin/env python3
"""Runs queries over an export of the tables, with DuckDB on this machine."""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What reads an export, in this order.
READS = ["duckdb.sql", "images.sql", "tables.sql", "payments.sql", "ledger.sql"]
TABLES = ["accounts", "payments", "refunds", "dead-letters"]
EPILOG = """\
The folder holds AWSDynamoDB/… for each table: accounts, payments, refunds and
dead-letters. `giro export --to FOLDER` writes it, or `aws s3 sync` fetches it.

exit codes: 0 done, and --none found nothing; 1 --none, and there are rows;
2 wrong arguments, or a folder that is no whole export
"""


def whole(export: Path) -> str | None:
    """Why the folder is no whole export of each table."""
    for table in TABLES:
        exports = [path for path in (export / table / "AWSDynamoDB").glob("*") if path.is_dir() and path.name != "data"]
        if not exports:
            return f"{export / table}: expected a folder AWSDynamoDB with an export in it"
        summaries = [folder / "manifest-summary.json" for folder in exports]
        unfinished = [summary.parent for summary in summaries if not summary.is_file()]
        if unfinished:
            return f"{unfinished[0]}: expected manifest-summary.json. Did the export come to its end?"
        kinds = [json.loads(summary.read_text()).get("exportType", "FULL_EXPORT") for summary in summaries]
        if kinds.count("FULL_EXPORT") != 1:
            return f"{export / table}: expected one full export, and got {kinds.count('FULL_EXPORT')}"
    return None


def rows(connection, query: str):
    """The rows of a query, each by the names of its columns."""
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    while batch := result.fetchmany(10_000):
        yield from (dict(zip(names, row)) for row in batch)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("export", type=Path, metavar="FOLDER", help="the export")
    parser.add_argument("queries", type=Path, nargs="+", metavar="QUERY.sql", help="such as analytics/audit.sql")
    parser.add_argument("--none", action="store_true", help="exit with 1 if there are rows, as for analytics/audit.sql")
    parser.add_argument("--database", default=":memory:", metavar="FILE",
                        help="where DuckDB keeps the tables: a file, for an export that is larger than memory")
    arguments = parser.parse_args()
    try:
        import duckdb
    except ImportError:
        print("run.py: there is no DuckDB. Run: scripts/tools.sh duckdb, and .tools/duckdb/bin/python", file=sys.stderr)
        return 2
    fault = whole(arguments.export)
    if fault:
        print(f"run.py: {fault}", file=sys.stderr)
        return 2
    connection = duckdb.connect(arguments.database)
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET VARIABLE export = ?", [str(arguments.export)])
    for name in READS:
        connection.execute((HERE / name).read_text(encoding="utf-8"))
    count = 0
    for query in arguments.queries:
        for row in rows(connection, query.read_text(encoding="utf-8")):
            count += 1
            print(json.dumps({"query": query.stem, **row}, default=int))
    return 1 if arguments.none and count else 0


if __name__ == "__main__":
    sys.exit(main())

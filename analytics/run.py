#!/usr/bin/env python3
"""Runs queries over an export of the tables, with DuckDB on this machine."""

import argparse
import glob
import json
import os
import sys
from pathlib import Path

# Nothing is written beside these files.
sys.dont_write_bytecode = True

from whole import NotWhole, whole

HERE = Path(__file__).resolve().parent
# What reads an export, in this order. The first names its lines.
LINES, READS = "duckdb.sql", ["images.sql", "tables.sql", "payments.sql", "ledger.sql"]
EPILOG = """\
The folder holds AWSDynamoDB/… for each table: accounts, payments, refunds and
dead-letters. `giro export --to FOLDER` writes it, or `aws s3 sync` fetches it.
Each file is checked against the manifests first.

exit codes: 0 done, and --none found nothing; 1 --none, and there are rows;
2 anything else: wrong arguments, a folder that is no whole export, a failure
"""


def rows(connection, query: str):
    """The rows of a query, each by the names of its columns."""
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    while batch := result.fetchmany(10_000):
        yield from (dict(zip(names, row)) for row in batch)


def connected(database: Path | None):
    """A new database, in a file or in memory."""
    try:
        import duckdb
    except ImportError as error:
        raise RuntimeError("there is no DuckDB. Run: scripts/tools.sh duckdb, and .tools/duckdb/bin/python") from error
    if database and os.path.lexists(database):
        raise RuntimeError(f"--database {database}: expected a file that isn't there yet. Delete it, or name another")
    connection = duckdb.connect(str(database) if database else ":memory:")
    connection.execute("SET enable_progress_bar = false")
    return connection


def read(connection, export: Path) -> None:
    """Reads an export, once it is whole. Says how many lines each table has."""
    counts = whole(export)
    # DuckDB takes a pattern, and the folder is none.
    connection.execute("SET VARIABLE export = ?", [glob.escape(str(export))])
    connection.execute((HERE / LINES).read_text(encoding="utf-8"))
    for table, expected in counts.items():
        (found,) = connection.execute(f"SELECT count(*) FROM {table.replace('-', '_')}_lines").fetchone()
        if found != expected:
            raise NotWhole(f"{export / table}: expected {expected} lines as the manifests say, and read {found}")
        print(f"run.py: {table}: {found} items read, as the manifests say", file=sys.stderr)
    for name in READS:
        connection.execute((HERE / name).read_text(encoding="utf-8"))


def run(arguments) -> int:
    """Prints the rows of each query. Gives their number."""
    connection = connected(arguments.database)
    read(connection, arguments.export)
    count = 0
    for query in arguments.queries:
        for row in rows(connection, query.read_text(encoding="utf-8")):
            count += 1
            print(json.dumps({"query": query.stem, **row}, default=int))
    sys.stdout.flush()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("export", type=Path, metavar="FOLDER", help="the export")
    parser.add_argument("queries", type=Path, nargs="+", metavar="QUERY.sql", help="such as analytics/audit.sql")
    parser.add_argument("--none", action="store_true", help="exit with 1 if there are rows, as for analytics/audit.sql")
    parser.add_argument("--database", type=Path, metavar="FILE",
                        help="where DuckDB keeps the tables: a new file, for an export that is larger than memory")
    arguments = parser.parse_args()
    # A database holds every payment, and so does what DuckDB puts aside.
    os.umask(0o077)
    try:
        count = run(arguments)
    # Python would end with 1, which says that there are rows.
    except Exception as error:
        print(f"run.py: {' '.join(str(error).split()) or repr(error)}", file=sys.stderr)
        return 2
    return 1 if arguments.none and count else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Makes the table of docs/auditing.md: what an audit costs, and how long it takes, at three sizes of the journal."""

import argparse
import math
import sys

from costs import ITEM_OVERHEAD, READ_UNITS_MILLION, Missing, found, hold, shown, sizes

DOCUMENT = "docs/auditing.md"
BEGIN, END = "<!-- audit-costs:begin -->", "<!-- audit-costs:end -->"
EPILOG = """\
exit codes: 0 done, or the table is up to date; 1 the table is out of date, or
something that the script reads isn't where it was; 2 wrong arguments
"""

# ── List prices of US East (N. Virginia), in US dollars. AWS's pages fill in their prices by script ─────────────────
# aws.amazon.com/dynamodb/pricing/on-demand, "Data export to Amazon S3", a GB of the table. Kept: as last known in early
# 2026.
EXPORT_GB = 0.10
# aws.amazon.com/athena/pricing, SQL queries: a TB that was read. Kept.
ATHENA_TB = 5.00
# aws.amazon.com/s3/pricing, S3 Standard, the first 50 TB of a month. Kept.
S3_GB_MONTH = 0.023

# ── Measured here, with scripts/export-load.py and 10,000,000 payments ──────────────────────────────────────────────
# Compressed bytes of a payment's line.
LINE_BYTES = 119
# Seconds of analytics/run.py --database FILE with analytics/audit.sql, on two virtual cores that others used too.
DUCKDB_SECONDS = 407
MEASURED = 10_000_000

# ── Estimates ───────────────────────────────────────────────────────────────────────────────────────────────────────
# Bytes of Parquet that Athena reads for a payment after that, in all of its statements. A payment takes 55 bytes, and
# most statements read few of its columns.
PARQUET_BYTES = 500
# How long a statement of Athena may take, in minutes; 240 at most. Source: Athena user guide, "Service Quotas".
STATEMENT_MINUTES = 30

COLUMNS = [("10 M", 1e7), ("1 B", 1e9), ("100 B", 1e11)]


def span(seconds: float) -> str:
    """A time in the unit that a person would take."""
    for unit, length, least in [("days", 86_400, 2), ("hours", 3_600, 2), ("minutes", 60, 2)]:
        if seconds >= least * length:
            return f"{shown(seconds / length)} {unit}"
    return f"{math.ceil(seconds)} seconds"


def table() -> str:
    item = sizes().item + ITEM_OVERHEAD
    slow = int(found(r"^pub const READ_UNITS_PER_SECOND: u32 = ([\d_]+);", "src/audit/pace.rs"))
    fast = int(found(r'value_name = "UNITS", default_value_t = ([\d_]+)', "crates/cli/src/commands/audit.rs"))
    limit = 60 * int(found(r"In (\d+) minutes that is about", DOCUMENT))

    def rows(payments: float) -> list[str]:
        units = payments * item / 4_096
        read_tb = payments * (LINE_BYTES + PARQUET_BYTES) / 1e12
        ends = span(units / slow) if units / slow <= limit else f"no: {span(units / slow)}"
        return [
            shown(payments * item / 1e9),
            ends,
            span(units / fast),
            shown(units * READ_UNITS_MILLION / 1e6),
            shown(payments * item / 1e9 * EXPORT_GB),
            shown(payments * LINE_BYTES / 1e9),
            shown(payments * LINE_BYTES / 1e9 * S3_GB_MONTH),
            shown(read_tb * ATHENA_TB),
            shown(payments * LINE_BYTES / (STATEMENT_MINUTES * 60) / 1e9),
            span(payments / MEASURED * DUCKDB_SECONDS),
        ]

    names = [
        "the journal, in GB",
        f"`ledger-auditor`: a look ends in {limit // 60} minutes",
        f"`giro audit`, {fast:,} read units a second: a look takes",
        "either of them: a look, in dollars",
        "full export by DynamoDB, in dollars",
        "the export, in GB",
        "the export in S3 for a month, in dollars",
        "Athena: the whole audit, in dollars",
        f"Athena: GB it must read a second, for {STATEMENT_MINUTES} minutes a statement",
        "DuckDB on two cores takes",
    ]
    columns = [rows(payments) for _, payments in COLUMNS]
    lines = ["| payments | " + " | ".join(name for name, _ in COLUMNS) + " |\n"]
    lines.append("|" + "---|" * (1 + len(COLUMNS)) + "\n")
    lines += ["| " + " | ".join(line) + " |\n" for line in zip(names, *columns)]
    return "".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help=f"compare with {DOCUMENT}; change nothing")
    what.add_argument("--write", action="store_true", help=f"write the table into {DOCUMENT}")
    arguments = parser.parse_args()
    try:
        made = table()
        if not (arguments.check or arguments.write):
            print(made, end="")
            return 0
        return hold(made, DOCUMENT, BEGIN, END, "scripts/audit-costs.py", arguments.write)
    except (Missing, OSError, ValueError, KeyError) as error:
        print(f"audit-costs: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

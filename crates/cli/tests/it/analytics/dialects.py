"""Parses SQL in the dialects that it is for. Names what one of them does not understand."""

import re
import sys
from pathlib import Path

import sqlglot
from sqlglot import exp

# What the shared files may call, by the name that stands there. Trino has each of them. DuckDB has it too, or a macro
# of analytics/duckdb.sql gives it. Source: trino.io, "List of functions and operators".
FUNCTIONS = {
    "approx_percentile", "cast", "coalesce", "concat", "count", "date_diff", "json_array_length", "json_extract",
    "json_extract_scalar", "json_format", "max", "min", "nullif", "regexp_extract", "regexp_like", "replace",
    "row_number", "split_part", "substr", "sum", "try_cast",
}
# Words that stand before a bracket, and call nothing.
WORDS = {
    "and", "as", "by", "case", "exists", "from", "high", "in", "join", "low", "not", "on", "or", "over", "periods",
    "then", "values", "when", "where", "with", "decimal", "else", "select", "having",
}
TYPES = {"BIGINT", "VARCHAR", "DECIMAL", "TIMESTAMP"}


def without_texts(sql: str) -> str:
    """The SQL without comments and texts."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--.*", "", sql))


def faults(path: Path, dialects: list[str]) -> list[str]:
    sql = path.read_text(encoding="utf-8")
    found = []
    for dialect in dialects:
        try:
            statements = sqlglot.parse(sql, read=dialect)
        except sqlglot.errors.SqlglotError as error:
            found.append(f"{path.name}, as {dialect}: {error}")
            continue
        found += [f"{path.name}, as {dialect}: not understood: {statement.sql()[:60]}"
                  for statement in statements if isinstance(statement, exp.Command)]
    # Whoever sends statements one by one parts them there.
    if any(";" in comment for comment in re.findall(r"--.*", sql)):
        found.append(f"{path.name}: a semicolon in a comment")
    bare = without_texts(sql)
    if bare.count(";") != re.sub(r"--.*", "", sql).count(";"):
        found.append(f"{path.name}: a semicolon in a text")
    # Comments are stripped up to the end of their line.
    if any(line.partition("--")[0].count("'") % 2 for line in sql.splitlines()):
        found.append(f"{path.name}: two dashes in a text")
    if len(dialects) == 1:
        return found
    called = {name.lower() for name in re.findall(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(", bare)}
    found += [f"{path.name}: {name} is not known to both" for name in sorted(called - FUNCTIONS - WORDS)]
    types = set(re.findall(r"\bAS ([A-Z]+)\b(?=[ ,]*[()])", bare)) - {"SELECT"}
    found += [f"{path.name}: the type {name} is not known to both" for name in sorted(types - TYPES)]
    # A dollar also ends before a last line's end on Athena, and not so on DuckDB.
    if re.search(r"\$\)*'", sql):
        found.append(f"{path.name}: a dollar ends a pattern: write \\z")
    if "::" in bare:
        found.append(f"{path.name}: a cast by ::")
    return found


def main() -> int:
    dialects = sys.argv[1].split(",")
    found = [fault for name in sys.argv[2:] for fault in faults(Path(name), dialects)]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


sys.exit(main())

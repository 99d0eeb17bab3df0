#!/usr/bin/env python3
"""Makes the table of costs in docs/deploy.md from list prices and from figures of this repository."""

import argparse
import json
import math
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = "docs/deploy.md"
BEGIN, END = "<!-- costs:begin -->", "<!-- costs:end -->"
HELP = """\
Prints the table "What it costs" of docs/deploy.md, as Markdown. It calls no
network, and without --write it changes nothing.

It reads what it counts: docs/figures.md, docs/benchmarks.md, docs/auditing.md,
tests/golden/, template.yaml, infra/ and two constants of src/. So if one of them
changes, the table may change too. Then run it with --write, and commit
docs/deploy.md with your change.

Prices and assumptions stand at the top of this script. Each has its source.
"""
EPILOG = """\
exit codes: 0 done, or the table is up to date; 1 the table is out of date, or
something that the script reads isn't where it was; 2 wrong arguments
"""

# ── List prices of US East (N. Virginia), in US dollars, without free tiers ──────────────────────────────────────────
# Looked up on 2026-11-29. AWS's own pages fill in their prices by script, so most were seen on pages that quote them:
# "Seen" names the page and its date. "Kept" means that nothing confirmed it: the price is as last known in early 2026.

# aws.amazon.com/dynamodb/pricing/on-demand, since 2024-11-01. Seen: airbyte.com, DynamoDB pricing, 2025-07-21.
WRITE_UNITS_MILLION, READ_UNITS_MILLION = 0.625, 0.125
# The same page. Kept.
STORAGE_GB_MONTH, RECOVERY_GB_MONTH = 0.25, 0.20
# docs.aws.amazon.com, DynamoDB, "Evaluate your DynamoDB streams usage": Lambda reads a stream for nothing. Seen.
STREAM_READS_BY_LAMBDA = 0.0
# aws.amazon.com/lambda/pricing, arm64: up to 7.5 billion GB-seconds a month. Seen: cloudchipr.com, Lambda, 2024.
LAMBDA_REQUESTS_MILLION, LAMBDA_GB_SECOND = 0.20, 0.0000133334
# aws.amazon.com/lambda/pricing, "Provisioned Mode for event source mappings". Kept.
POLLER_UNIT_HOUR = 0.185
# aws.amazon.com/api-gateway/pricing, HTTP APIs: the first 300 million of a month, then the rest.
# Seen: amnic.com, API Gateway pricing, and apigatewaycost.com, without a date.
HTTP_TIERS = [(300e6, 1.00e-6), (math.inf, 0.90e-6)]
# aws.amazon.com/ec2/pricing/on-demand, "Data transfer": to the internet, the first 10 TB, then up to 50 TB.
# Seen for the first tier: amnic.com, API Gateway pricing, without a date. Kept for the second.
INTERNET_GB_TIERS = [(10_000, 0.09), (math.inf, 0.085)]
# The same page: between zones, in each direction. Seen: blog.gslin.org, which quotes it without a date.
ZONE_GB_ONE_WAY = 0.01
# aws.amazon.com/msk/pricing, standard brokers. The broker: kept. The disk, seen: github.com/Gilgamech/OfferingOverview.
BROKER_HOURS = {"kafka.m7g.large": 0.204}
BROKER_GB_MONTH = 0.10
# aws.amazon.com/cloudwatch/pricing. Lambda's logs have had tiers since 2025-05-01. Seen: duckbillgroup.com, 2025-05.
# Other logs: hykell.com, CloudWatch Logs pricing, without a date. That stored logs shrink to 15 % is kept.
LAMBDA_LOG_GB_TIERS = [(10_000, 0.50), (30_000, 0.25), (50_000, 0.10), (math.inf, 0.05)]
LOG_GB, LOG_STORED_GB_MONTH, LOG_COMPRESSED = 0.50, 0.03, 0.15
# The same page: the first 10,000 metrics. Seen: signoz.io, CloudWatch pricing, 2026-02-15. Alarms: kept.
# Dashboards: factualminds.com, CloudWatch pricing, 2026-06-13.
METRIC_MONTH, ALARM_MONTH, DASHBOARD_MONTH = 0.30, 0.10, 3.00
# aws.amazon.com/kms/pricing: a key, in its first year. Seen there, without a date.
KEY_MONTH = 1.00
# aws.amazon.com/xray/pricing: traces recorded. Seen there, without a date.
TRACES_MILLION = 5.00

# ── Assumptions, which docs/deploy.md states under the table ────────────────────────────────────────────────────────
DAYS = 30
SECONDS, HOURS = DAYS * 86_400, DAYS * 24
# A payment is handed over once by HTTP, and its outcome is asked for once.
POSTS, POLLS = 1, 1
# Read units of a POST (has it an outcome already?) and of a poll that finds it (the payment, and what was refunded).
# Source: hand_over in src/handlers/payment_api.rs, shown in src/handlers/queries.rs.
POST_READS, POLL_READS = 1, 2
# Seconds of an invocation, not measured on AWS: a read and an acknowledged record; two reads; a batch of records.
POST_TIME, POLL_TIME, PUBLISH_TIME = 0.015, 0.005, 0.020
# The default window of Lambda's Kafka mapping, in batches a second of each poller.
BATCHES_OF_POLLER = 2
# Above this rate the mapping runs as many pollers as it may; below it, as few.
BUSY_PER_SECOND = 100
# A poller carries 5 MB/s (docs.aws.amazon.com, Lambda, "event poller scaling modes"), and a poller unit 20 (kept).
POLLERS_OF_UNIT = 4
# How often Lambda reads each shard of a DynamoDB stream, a second (kept), and the write units that its partition takes.
STREAM_POLLS, PARTITION_WRITES = 4, 1_000
# How X-Ray samples a function that nobody upstream sampled: one trace a second, and one in twenty of the rest.
# Source: docs.aws.amazon.com, X-Ray, "Configuring sampling rules".
TRACES_PER_SECOND, TRACES_REST = 1, 0.05
# What an audit reads beside its postings, in read units: to find that an account moved, and of each that did. By count
# of tests/it/store/auditing/moved/costs.rs. A payment has two postings, and both are read with half a unit for 4 KB.
AUDIT_FIND, AUDIT_MOVED, POSTINGS = 0.16, 3, 2
# The write units of a head and its checkpoint, in one transaction.
CHECKPOINT_WRITES = 4
# There are as many accounts as payments a day, but no more than the auditor's memory holds. By assumption.
AUDIT_ACCOUNTS_MAX = 1_000_000
# DynamoDB's own bytes of an item, and of each entry of an index; Kafka's own of a record that is a batch of its own.
ITEM_OVERHEAD, RECORD_OVERHEAD = 100, 70
# Header bytes of an answer that the function doesn't write.
ANSWER_OVERHEAD = 200
# Lines of logs, with CloudWatch's 26 bytes each. Source: the tracing::info! calls of src/handlers/.
ANSWERED_LINE, BATCH_LINE, PUBLISHED_LINE = 235, 580, 320
# Lines of embedded metrics (docs/metrics.md): those of a hundred records of one kind, all settled, and of a hundred
# published outcomes. Smaller batches have shorter lines.
BATCH_METRIC_LINES, PUBLISHED_METRIC_LINE = 2_050, 820
# How many metrics there are by function, and by kind and decision: the same page. Reasons are counted in src/.
OWN_METRICS, KIND_METRICS = 16 + 12 + 4, 6 + 2
# Two thirds of all records go to a broker in another of the three zones.
OTHER_ZONE = 2 / 3
# Metrics of MSK that the level PER_TOPIC_PER_BROKER adds: a broker, and a broker and topic. By estimate. Two topics are
# Kafka's own and MSK's own.
BROKER_METRICS, BROKER_TOPIC_METRICS, OWN_TOPICS = 50, 3, 2
# Conditions of infra/alarms.yaml, and whether the stack of this table meets them: one with a cluster of its own, and
# defaults.
CONDITIONS = {
    "HasCanary": False, "WatchesCanary": False,
    "IsMsk": True, "OwnsBrokers": True, "HasMetricMath": True,
    "IsNotMsk": False, "WatchesSettled": False, "WatchesUnitsMax": False,
}
# Metrics of each route of an HTTP API. Source: docs.aws.amazon.com, API Gateway, "CloudWatch metrics for HTTP APIs".
ROUTE_METRICS = 6

COLUMNS = [
    ("10 k a day", 1e4 / 86_400),
    ("1 M a day", 1e6 / 86_400),
    ("100 M a day", 1e8 / 86_400),
    # The mean of a national scheme.
    ("8,100 a second", 8_100.0),
]


class Missing(Exception):
    """Something that this script reads isn't where it was."""


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def found(pattern: str, path: str) -> str:
    match = re.search(pattern, text(path), re.MULTILINE)
    if not match:
        raise Missing(f"{path}: expected a match of {pattern!r}. Did it move? Then change scripts/costs.py.")
    return match.group(1)


def default(parameter: str) -> str:
    """The default of a parameter of the stack."""
    return found(rf"^  {parameter}:\n(?:    .*\n)*?    Default: (.+)$", "template.yaml")


# ── Figures of this repository ──────────────────────────────────────────────────────────────────────────────────────
def bench(section: str, **wanted: str) -> dict[str, str]:
    """The row of docs/benchmarks.md, in this section, whose cells are as wanted."""
    path = "docs/benchmarks.md"
    header: list[str] = []
    here = False
    for line in text(path).splitlines():
        if line.startswith("#"):
            here, header = line == f"## On the model: {section}", []
        elif here and line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            header = header or cells
            row = dict(zip(header, cells))
            if all(row.get(name) == value for name, value in wanted.items()):
                return row
    raise Missing(f"{path}: expected a row {wanted} in the section on {section}. Change scripts/costs.py.")


class Settled(NamedTuple):
    """What settling a payment takes, in batches of at least so many records."""

    records: int
    seconds: float
    reads: float
    writes: float
    writes_merchant: float


def settled() -> list[Settled]:
    """From large batches to small ones. A payment alone is a transaction of its own: the row of the control."""
    wcu, rcu, p50 = "WCU a payment", "RCU a payment", "p50 a batch, ms"
    alone = bench("workloads", contender="control", workload="uniform")
    some = bench("batch sizes", contender="giro", workload="uniform", batch="100")
    full = bench("batch sizes", contender="giro", workload="uniform", batch="1000")
    merchant = bench("batch sizes", contender="giro", workload="one merchant, 16 lanes", batch="100")
    wide = bench("partitions", contender="giro", workload="uniform, 32 lanes", partitions="16")
    lanes = bench("partitions", contender="giro", workload="one merchant, 32 lanes", partitions="16")
    # Over 100,000 accounts few payments share an account, as in a large scheme.
    uniform = float(found(r"^\| uniform, 16 partitions \|.*; ([\d.]+) \|$", "docs/figures.md"))
    once = float(alone[wcu])
    return [
        Settled(1_000, float(wide[p50]) / 1e3, float(full[rcu]), uniform, float(lanes[wcu])),
        Settled(100, float(some[p50]) / 1e3, float(some[rcu]), float(some[wcu]), float(merchant[wcu])),
        # Batches of a few records take as long as those of a hundred, and share hardly any account.
        Settled(2, float(some[p50]) / 1e3, float(alone[rcu]), once, once),
        Settled(0, float(alone[p50]) / int(alone["batch"]) / 1e3, float(alone[rcu]), once, once),
    ]


def item_bytes(item: dict[str, dict[str, str]]) -> int:
    """What DynamoDB counts for an item of texts and numbers."""
    sizes = {"S": lambda value: len(value.encode()), "N": lambda value: math.ceil(len(value) / 2) + 1}
    return sum(len(name) + sizes[kind](value) for name, typed in item.items() for kind, value in typed.items())


class Bytes(NamedTuple):
    """Sizes of a payment: the longest plain one of the golden files, with a reference and the client's time."""

    item: int
    request: int
    outcome: int
    accepted: int
    shown: int


def sizes() -> Bytes:
    items = json.loads(text("tests/golden/tables/payments.json"))
    plain = [item for item in items if not {"kind", "legs"} & item.keys() and item["status"]["S"] == "settled"]
    ids = {item["payment_id"]["S"] for item in plain}

    def longest(topic: str) -> int:
        records = json.loads(text(f"tests/golden/topics/{topic}.json"))
        of_plain = [record for record in records if any(f'"{name}"' in (record["value"] or "") for name in ids)]
        return max(len((record["key"] or "").encode()) + len(record["value"].encode()) for record in of_plain)

    calls = json.loads(text("tests/golden/invocations/payment-api.json"))

    def answer(route: str, status: int) -> int:
        of_route = [call for call in calls if json.loads(call["event"])["routeKey"] == route]
        answers = [call["response"] for call in of_route if json.loads(call["response"])["statusCode"] == status]
        return max(len(answer.encode()) for answer in answers) + ANSWER_OVERHEAD

    return Bytes(
        item=max(map(item_bytes, plain)),
        request=longest("payment-requests") + RECORD_OVERHEAD,
        outcome=longest("payment-outcomes") + RECORD_OVERHEAD,
        accepted=answer("POST /payments", 202),
        shown=answer("GET /payments/{payment_id}", 200),
    )


def alarms_made(alarms: str) -> int:
    """Alarms that a stack with defaults has. One over several metrics is paid as so many."""
    count = 0
    for resource in re.split(r"^  (?=\w+:\n    Type: )", alarms, flags=re.MULTILINE):
        if "    Type: AWS::CloudWatch::Alarm\n" not in resource:
            continue
        condition = re.search(r"^    Condition: (\w+)$", resource, re.MULTILINE)
        if condition and condition.group(1) not in CONDITIONS:
            raise Missing(f"infra/alarms.yaml: is {condition.group(1)} met? Say so in scripts/costs.py (CONDITIONS).")
        if not condition or CONDITIONS[condition.group(1)]:
            count += max(1, resource.count("MetricStat:"))
    return count


class Stack(NamedTuple):
    """What the templates say."""

    memory_gb: float
    auditor_gb: float
    traced: bool
    batch: int
    pollers: tuple[int, int]
    command_pollers: int
    partitions: int
    indexes: int
    brokers: int
    broker_hour: float
    broker_gib: int
    # How full disks are kept.
    disk_full: float
    copies: int
    retention_days: float
    log_days: int
    access_line: int
    embedded: bool
    metrics: int
    alarms: int
    dashboards: int
    broker_metrics: int
    audits: int
    audit_rate: int
    audit_seconds: int

    def cluster_month(self) -> float:
        return self.brokers * self.broker_hour * HOURS


def stack() -> Stack:
    template, alarms, tables = text("template.yaml"), text("infra/alarms.yaml"), text("infra/tables.yaml")
    kafka = text("infra/kafka.yaml")
    brokers, kind = int(default("BrokerCount")), default("BrokerInstanceType")
    if kind not in BROKER_HOURS:
        raise Missing(f"template.yaml: BrokerInstanceType is {kind}. Give scripts/costs.py its price (BROKER_HOURS).")
    if default("AuditSchedule") != "rate(1 hour)":
        raise Missing("template.yaml: AuditSchedule isn't rate(1 hour) any more. Change `audits` in scripts/costs.py.")
    # Several filters may write one metric.
    filtered = set(re.findall(r"^ {10}MetricName: (.+)$", alarms, re.MULTILINE))
    routes = template.count("Type: AWS::ApiGatewayV2::Route\n") * ("DetailedMetricsEnabled: true" in template)
    topics = kafka.count("Type: AWS::MSK::Topic\n") + OWN_TOPICS
    watched = "EnhancedMonitoring: PER_TOPIC_PER_BROKER" in kafka
    audit_metrics = int(found(r"^const METRICS: .*; (\d+)\]", "src/wire/proof_result.rs"))
    embedded = default("EmbeddedMetrics") == '"true"'
    reasons = int(found(r"^    pub const ALL: .*; (\d+)\]", "src/domain/decline.rs"))
    reasons += int(found(r"^    pub const ALL: .*; (\d+)\] = \[$", "src/domain/account_command.rs"))
    own_metrics = (OWN_METRICS + KIND_METRICS + reasons) * embedded
    broker_metrics = brokers * (BROKER_METRICS + topics * BROKER_TOPIC_METRICS) * watched
    return Stack(
        memory_gb=int(found(r"^Globals:\n(?:  .*\n)*?    MemorySize: (\d+)$", "template.yaml")) / 1024,
        auditor_gb=int(found(r"^  LedgerAuditor:\n(?:    .*\n)*?      MemorySize: (\d+)$", "template.yaml")) / 1024,
        traced="    Tracing: Active\n" in template,
        batch=int(found(r"^  PaymentRequests:\n(?:   .*\n)*?      BatchSize: (\d+)$", "template.yaml")),
        pollers=(int(default("PollersMinimum")), int(default("PollersMaximum"))),
        command_pollers=int(found(r"ProvisionedPollerConfig: \{.*MaximumPollers: (\d+)", "template.yaml")),
        partitions=int(default("WarmWriteUnits")) // PARTITION_WRITES,
        indexes=len(re.findall(r"^ {8}- IndexName: ", tables, re.MULTILINE)),
        brokers=brokers,
        broker_hour=BROKER_HOURS[kind],
        broker_gib=int(default("BrokerVolumeGiB")),
        disk_full=int(found(r"^ +TargetValue: (\d+)$", "infra/kafka.yaml")) / 100,
        copies=int(default("ReplicationFactor")),
        retention_days=int(default("RetentionMs")) / 86_400_000,
        log_days=int(default("LogRetentionDays")),
        # Its variables' names are about as long as their values.
        access_line=len(found(r"^        Format: '(.+)'$", "template.yaml")) + 26,
        embedded=embedded,
        metrics=len(filtered) + audit_metrics + own_metrics + routes * ROUTE_METRICS + broker_metrics,
        broker_metrics=broker_metrics,
        alarms=alarms_made(alarms),
        dashboards=alarms.count("Type: AWS::CloudWatch::Dashboard\n"),
        audits=HOURS,
        audit_rate=int(found(r"^pub const READ_UNITS_PER_SECOND: u32 = ([\d_]+);", "src/audit/pace.rs")),
        audit_seconds=60 * int(found(r"In (\d+) minutes that is about", "docs/auditing.md")),
    )


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────
def tiered(amount: float, tiers: list[tuple[float, float]]) -> float:
    """The price of an amount. Each tier has its end and the price of one."""
    cost, begin = 0.0, 0.0
    for end, price in tiers:
        cost += max(0.0, min(amount, end) - begin) * price
        begin = end
    return cost


def traces(per_second: float) -> float:
    """The traces a second of a function that is invoked so often."""
    return min(per_second, TRACES_PER_SECOND) + TRACES_REST * max(0.0, per_second - TRACES_PER_SECOND)


class Row(NamedTuple):
    name: str
    unit_price: str
    cost: float


class Column(NamedTuple):
    """What a month costs at one rate. `rows` are added up; the rest is told beside them."""

    payments: float
    rows: list[Row]
    merchant_less: float
    broker_gib: float

    def total(self) -> float:
        return sum(row.cost for row in self.rows)


def disk(rate: float, stack: Stack, size: Bytes) -> int:
    """What each broker's disk must have, in GiB, at so many payments a second."""
    kept = rate * 86_400 * stack.retention_days * (size.request + size.outcome) * stack.copies / 2**30
    return math.ceil(kept / stack.brokers / stack.disk_full)


def column(rate: float, stack: Stack, size: Bytes, steps: list[Settled], http: bool = True) -> Column:
    payments = rate * SECONDS
    posts, polls = (POSTS, POLLS) if http else (0, 0)
    asked = rate * (posts + polls)
    fewest, most = stack.pollers
    pollers = most if rate >= BUSY_PER_SECOND else fewest
    batches = min(rate, max(pollers * BATCHES_OF_POLLER, rate / stack.batch))
    step = next(step for step in steps if round(rate / batches, 6) >= step.records)
    # A payment's item takes two write units in its table.
    shards = max(stack.partitions, math.ceil(2 * rate / PARTITION_WRITES))
    published = min(rate, shards * STREAM_POLLS)

    # An audit scans all accounts, and reads what the payments of its hour have moved, or as much as it has time for.
    accounts = min(rate * 86_400, AUDIT_ACCOUNTS_MAX)
    hourly = rate * 3_600 * POSTINGS
    moved = min(hourly, accounts)
    asked_for = accounts * AUDIT_FIND + hourly * (size.item + ITEM_OVERHEAD) / 4_096 / 2 + moved * AUDIT_MOVED
    each_audit = min(asked_for, stack.audit_seconds * stack.audit_rate)
    audited, proved = stack.audits * each_audit, stack.audits * moved * each_audit / asked_for

    requests = (asked + batches + published) * SECONDS + stack.audits
    busy = rate * (posts * POST_TIME + polls * POLL_TIME) + batches * step.seconds + published * PUBLISH_TIME
    gb_seconds = busy * SECONDS * stack.memory_gb + audited / stack.audit_rate * stack.auditor_gb

    # Recovery is paid for the table, not for its indexes.
    item_gb = payments * (size.item + ITEM_OVERHEAD) / 1e9
    stored = item_gb * (1 + stack.indexes) * STORAGE_GB_MONTH + item_gb * RECOVERY_GB_MONTH
    record_bytes = size.request + size.outcome
    broker_gib = max(stack.broker_gib, disk(rate, stack, size))
    # Payments and commands have poller groups of their own, so they share no unit.
    units = math.ceil(pollers / POLLERS_OF_UNIT) + math.ceil(stack.command_pollers / POLLERS_OF_UNIT)

    answered_gb = payments * (posts * size.accepted + polls * size.shown) / 1e9
    moved_gb = payments * record_bytes / 1e9 * OTHER_ZONE
    traffic = tiered(answered_gb, INTERNET_GB_TIERS) + moved_gb * 2 * ZONE_GB_ONE_WAY
    lines = asked * ANSWERED_LINE + batches * BATCH_LINE + published * PUBLISHED_LINE
    lines += (batches * BATCH_METRIC_LINES + published * PUBLISHED_METRIC_LINE) * stack.embedded
    lambda_gb, access_gb = lines * SECONDS / 1e9, asked * stack.access_line * SECONDS / 1e9
    log_kept = (lambda_gb + access_gb) * LOG_COMPRESSED * stack.log_days / DAYS * LOG_STORED_GB_MONTH
    logs = tiered(lambda_gb, LAMBDA_LOG_GB_TIERS) + access_gb * LOG_GB + log_kept
    watching = stack.metrics * METRIC_MONTH + stack.alarms * ALARM_MONTH + stack.dashboards * DASHBOARD_MONTH
    traced = sum(map(traces, (asked, batches, published, stack.audits / SECONDS))) * stack.traced * SECONDS

    write, read = WRITE_UNITS_MILLION / 1e6, READ_UNITS_MILLION / 1e6
    reads_cost = f"{READ_UNITS_MILLION} a million"
    rows = [
        Row("DynamoDB writes", f"{WRITE_UNITS_MILLION} a million", payments * step.writes * write),
        Row("DynamoDB reads: processor", reads_cost, payments * step.reads * read),
        Row("DynamoDB reads: HTTP, polls", reads_cost, payments * (posts * POST_READS + polls * POLL_READS) * read),
        Row("DynamoDB reads: auditor", reads_cost, audited * read),
        Row("DynamoDB writes: checkpoints", f"{WRITE_UNITS_MILLION} a million", proved * CHECKPOINT_WRITES * write),
        Row("stream, read by Lambda", "0", shards * STREAM_POLLS * SECONDS * STREAM_READS_BY_LAMBDA),
        Row(f"storage with {stack.indexes} indexes, more each month",
            f"{STORAGE_GB_MONTH} a GB; {RECOVERY_GB_MONTH:.2f} for recovery", stored),
        Row("Lambda: requests", f"{LAMBDA_REQUESTS_MILLION:.2f} a million", requests * LAMBDA_REQUESTS_MILLION / 1e6),
        Row("Lambda: arm64", f"{LAMBDA_GB_SECOND:.10f} a GB-second", gb_seconds * LAMBDA_GB_SECOND),
        Row("HTTP API", f"{each(HTTP_TIERS, 1e6)} a million", tiered(asked * SECONDS, HTTP_TIERS)),
        Row("traffic: to the internet; between zones",
            f"{each(INTERNET_GB_TIERS)} a GB; {2 * ZONE_GB_ONE_WAY}", traffic),
        Row(f"Kafka: {stack.brokers} brokers", f"{stack.broker_hour} an hour", stack.cluster_month()),
        Row("Kafka: disk", f"{BROKER_GB_MONTH:.2f} a GB", broker_gib * stack.brokers * BROKER_GB_MONTH),
        Row("poller units", f"{POLLER_UNIT_HOUR} an hour", units * POLLER_UNIT_HOUR * HOURS),
        Row("logs", f"{each(LAMBDA_LOG_GB_TIERS)} a GB; {LOG_STORED_GB_MONTH} to keep", logs),
        Row(f"{stack.metrics} metrics; {stack.alarms} alarms; dashboard; key",
            f"{METRIC_MONTH:.2f}; {ALARM_MONTH:.2f}; {DASHBOARD_MONTH:.0f}; {KEY_MONTH:.0f}", watching + KEY_MONTH),
        Row("X-Ray", f"{TRACES_MILLION:.0f} a million", traced * TRACES_MILLION / 1e6),
    ]
    return Column(payments, rows, payments * (step.writes - step.writes_merchant) * write, broker_gib)


def each(tiers: list[tuple[float, float]], units: float = 1) -> str:
    """The prices of tiers, one after the other."""
    return ", then ".join(f"{price * units:.3f}".removesuffix("0") for _, price in tiers)


def shown(value: float) -> str:
    """Three digits that count, and no more: prices are estimates."""
    if value < 9.95:
        return f"{value:.1f}" if value >= 0.05 else "0"
    return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}"


def table() -> str:
    facts, size, steps = stack(), sizes(), settled()
    columns = [column(rate, facts, size, steps) for _, rate in COLUMNS]
    without_http = [column(rate, facts, size, steps, http=False) for _, rate in COLUMNS]
    totals = [one.total() for one in columns]
    cluster = facts.cluster_month() + facts.broker_metrics * METRIC_MONTH
    own = [cluster + one.broker_gib * facts.brokers * BROKER_GB_MONTH for one in columns]

    def line(name: str, price: str, values: list[float], mark: str = "") -> str:
        cells = [f"{mark}{name}{mark}", price, *(f"{mark}{shown(value)}{mark}" for value in values)]
        return "| " + " | ".join(cells) + " |\n"

    lines = ["| a month, in dollars | unit price | " + " | ".join(name for name, _ in COLUMNS) + " |\n"]
    lines.append("|" + "---|" * (2 + len(COLUMNS)) + "\n")
    for rows in zip(*(one.rows for one in columns)):
        lines.append(line(rows[0].name, rows[0].unit_price, [row.cost for row in rows]))
    millions = [total / one.payments * 1e6 for total, one in zip(totals, columns)]
    lines.append(line("a month", " ", totals, mark="**"))
    lines.append(line("a million payments", " ", millions, mark="**"))
    lines.append(line("less, if all pay one merchant", " ", [one.merchant_less for one in columns]))
    lines.append(line("less, with `Kafka=existing`", " ", own))
    less = [total - one.total() for total, one in zip(totals, without_http)]
    lines.append(line("less, if producers write to Kafka", " ", less))
    lines.append(line("`BrokerVolumeGiB` that holds it, in GiB", " ", [one.broker_gib for one in columns]))
    return "".join(lines)


def rate_of(given: str) -> float:
    """Payments a second."""
    try:
        rate = float(given)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"expected payments a second, a number above 0, got {given!r}")
    return rate


def hold(made: str, document: str, begin: str, end: str, script: str, write: bool) -> int:
    """Compares a table with the one between two marks of a document, or writes it there. Gives the exit code."""
    there = text(document)
    if there.count(begin) != 1 or there.count(end) != 1 or there.index(begin) > there.index(end):
        raise Missing(f"{document}: expected one line {begin}, and after it one line {end}.")
    before, rest = there.split(begin)
    old, after = rest.split(end)
    new = f"\n\n{made}\n"
    if write:
        (ROOT / document).write_text(before + begin + new + end + after, encoding="utf-8")
        return 0
    if old == new:
        return 0
    have, want = old.strip().splitlines(), made.splitlines()
    differ = [line for line in have if line not in want], [line for line in want if line not in have]
    print(f"costs: the table in {document} is out of date. Run: {script} --write", file=sys.stderr)
    for sign, lines in zip("-+", differ):
        for line in lines:
            print(f"{sign} {line}", file=sys.stderr)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=HELP, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help=f"compare with {DOCUMENT}; change nothing")
    what.add_argument("--write", action="store_true", help=f"write the table into {DOCUMENT}")
    what.add_argument("--disk", type=rate_of, metavar="PAYMENTS",
                      help="print the disk that each broker needs at so many payments a second, all day")
    arguments = parser.parse_args()
    try:
        if arguments.disk is not None:
            facts = stack()
            print(f"BrokerVolumeGiB={max(1, disk(arguments.disk, facts, sizes()))}  # BrokerCount={facts.brokers}, "
                  f"{facts.retention_days:.0f} days, {facts.copies} copies, {facts.disk_full:.0%} full")
            return 0
        made = table()
        if not (arguments.check or arguments.write):
            print(made, end="")
            return 0
        return hold(made, DOCUMENT, BEGIN, END, "scripts/costs.py", arguments.write)
    except (Missing, OSError, ValueError, KeyError) as error:
        print(f"costs: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

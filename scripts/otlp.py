#!/usr/bin/env python3
"""Reads what a collector of OpenTelemetry wrote: a request in OTLP's JSON a line, as the collector's file exporter
writes it. The types generated from opentelemetry-proto read it, and refuse what they don't know.

  otlp.py trace FILE TRACE_ID   draws a trace: its spans, and the spans of batches that link to them
  otlp.py metrics FILE          adds up the metrics, by name and attributes

Exits with 1 if a line can't be read or there is no such trace, and with 2 if it was called wrongly.
"""

import base64
import json
import re
import sys
from collections import defaultdict

from google.protobuf.json_format import Parse, ParseError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {2: "server", 3: "client", 4: "producer", 5: "consumer"}
IDS = ("traceId", "spanId", "parentSpanId")


def with_base64_ids(json_value):
    """OTLP writes ids in hexadecimal digits. Protobuf's own JSON wants base64."""
    if isinstance(json_value, list):
        return [with_base64_ids(value) for value in json_value]
    if not isinstance(json_value, dict):
        return json_value
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode() if name in IDS else with_base64_ids(value)
        for name, value in json_value.items()
    }


def requests(path, kind):
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield Parse(json.dumps(with_base64_ids(json.loads(line))), kind())
            except (ParseError, ValueError) as error:
                sys.exit(f"{path}:{number}: expected {kind.DESCRIPTOR.full_name}: {error}")


def text(value):
    return str(getattr(value, value.WhichOneof("value")))


def named(attributes):
    return {attribute.key: text(attribute.value) for attribute in attributes}


def trace(path, trace_id):
    spans = []
    for request in requests(path, ExportTraceServiceRequest):
        for of_resource in request.resource_spans:
            service = named(of_resource.resource.attributes).get("service.name", "?")
            spans += [(service, span) for of_scope in of_resource.scope_spans for span in of_scope.spans]
    spans.sort(key=lambda told: told[1].start_time_unix_nano)
    wanted = bytes.fromhex(trace_id)
    own = [(service, span) for service, span in spans if span.trace_id == wanted]
    known = {span.span_id for _, span in own}
    below = defaultdict(list)
    for told in own:
        below[told[1].parent_span_id].append(told)
    linked = defaultdict(list)
    for service, span in spans:
        for link in span.links:
            if link.trace_id == wanted:
                linked[link.span_id].append((service, span))

    def draw(span_id, depth):
        for arrow, told in [("", below[span_id]), ("<- ", linked[span_id])]:
            for service, span in told:
                ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
                figures = {name: value for name, value in named(span.attributes).items() if value != "0"}
                said = [f"{name}={value}" for name, value in figures.items() if name.startswith("giro.decisions.")]
                failed = [f"failed: {span.status.message}"] if span.status.code == 2 else []
                words = [f"{'  ' * depth}{arrow}{span.name}", service, KINDS.get(span.kind, "internal"), *said, *failed, f"{ms:.1f} ms"]
                print("  ".join(words))
                if not arrow:
                    draw(span.span_id, depth + 1)

    print(trace_id)
    outside = sorted((set(below) | set(linked)) - known)
    for span_id in outside:
        print(f"  {span_id.hex()}  a span of another file" if span_id else "  it begins here")
        draw(span_id, 2)
    if not own:
        sys.exit(f"{path}: no span of {trace_id}")


def metrics(path):
    sums = defaultdict(float)
    for request in requests(path, ExportMetricsServiceRequest):
        for of_resource in request.resource_metrics:
            service = named(of_resource.resource.attributes).get("service.name", "?")
            for metric in (metric for of_scope in of_resource.scope_metrics for metric in of_scope.metrics):
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    if kind == "histogram":
                        if sum(point.bucket_counts) != point.count:
                            sys.exit(f"{metric.name}: expected buckets of {point.count}, not {list(point.bucket_counts)}")
                        value = point.count
                    else:
                        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
                    of = " ".join(f"{name}={value}" for name, value in sorted(named(point.attributes).items()))
                    sums[f"{service}  {kind}  {metric.name}  {of}".rstrip()] += value
    for name, value in sorted(sums.items()):
        print(f"{name}  {value:g}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["trace", path, trace_id] if re.fullmatch("[0-9a-f]{32}", trace_id):
            trace(path, trace_id)
        case ["metrics", path]:
            metrics(path)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)

"""Every metric: declared once, with its name, its type and what it means, in the registry of its program."""

from __future__ import annotations

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from churn.errors import ChurnError

log = structlog.get_logger()


def _registry() -> CollectorRegistry:
    """With what any Python process has to tell. A program must not answer with the zeros of the others' metrics."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


API, STREAM, PUBLISH, DELIVER = _registry(), _registry(), _registry(), _registry()

# The HTTP server, `churn serve`.

API_REQUESTS = Counter(
    "churn_api_requests_total",
    "Requests answered, by method, route template and status.",
    ["method", "route", "status"],
    registry=API,
)
API_REQUEST_SECONDS = Histogram(
    "churn_api_request_seconds",
    "From a request's head to the last byte of its answer, by method, route template and status.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=API,
)
API_VIEW_UP = Gauge("churn_api_view_up", "1 when Redis answered while these metrics were read, else 0.", registry=API)
API_RANKED_USERS = Gauge(
    "churn_api_ranked_users", "Active users in each band; absent while Redis does not answer.", ["band"], registry=API
)
API_USERS = Gauge(
    "churn_api_users",
    "Users with a score in the newest epoch: each is one row of the stream's state; NaN while Redis does not answer.",
    registry=API,
)
API_EVENT_CLOCK_SECONDS = Gauge(
    "churn_api_event_clock_seconds",
    "The event clock in seconds since 1970, UTC; NaN while it is not known.",
    registry=API,
)

API_LISTENERS = Gauge("churn_api_listeners", "Clients that listen to live alerts now.", registry=API)
API_LISTENERS_DROPPED = Counter(
    "churn_api_listeners_dropped_total", "Clients that read live alerts too slowly and were dropped.", registry=API
)
API_WATCHERS = Gauge("churn_api_watchers", "Pages of the console that are open now and kept live.", registry=API)

# The Spark query, `churn stream`.

STREAM_RECORDS = Counter(
    "churn_stream_records_total",
    "Records read from the events topic, by what became of them: user, logged_out or dead.",
    ["kind"],
    registry=STREAM,
)
STREAM_DROPPED = Gauge(
    "churn_stream_dropped",
    "Valid records of users that were not counted since the start, by reason: duplicate or late.",
    ["reason"],
    registry=STREAM,
)
STREAM_BATCHES = Counter(
    "churn_stream_batches_total", "Batches that were completed, by mode.", ["mode"], registry=STREAM
)
STREAM_BATCH_SECONDS = Histogram(
    "churn_stream_batch_seconds",
    "How long a batch took; one of real-time mode lasts as long as the setting says.",
    ["mode"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600),
    registry=STREAM,
)
STREAM_PAUSE_SECONDS = Histogram(
    "churn_stream_pause_seconds",
    "What of a batch was not its work: planning it and writing down that it begins and ends.",
    ["mode"],
    buckets=(0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12),
    registry=STREAM,
)
STREAM_STATE_BYTES = Gauge(
    "churn_stream_state_bytes",
    "Memory of the state, by operator, at the end of the last batch.",
    ["operator"],
    registry=STREAM,
)
STREAM_STATE_ROWS = Counter(
    "churn_stream_state_rows_total",
    "Rows of the state that batches wrote and took away, by operator and change: updated or removed.",
    ["operator", "change"],
    registry=STREAM,
)
STREAM_MODE = Gauge(
    "churn_stream_mode", "1 for the mode in which events are scored, else 0.", ["mode"], registry=STREAM
)
STREAM_MODEL = Gauge("churn_stream_model", "1 for the model that scores, else absent.", ["model"], registry=STREAM)
STREAM_LAG = Gauge(
    "churn_stream_lag_events", "Records of the events topic that were not read yet, some seconds ago.", registry=STREAM
)
STREAM_LAG_SECONDS = Gauge(
    "churn_stream_lag_seconds", "How long they would take at the pace of the last ten seconds.", registry=STREAM
)
STREAM_STARTS = Counter(
    "churn_stream_starts_total",
    "Starts of the scoring query, by reason: begin, live, backlog, model or failure.",
    ["reason"],
    registry=STREAM,
)

# From the scores topic into Redis, `churn publish`.

PUBLISH_RECORDS = Counter(
    "churn_publish_records_total",
    "Score records read, by what became of them: applied, stale, passed, forgotten or unreadable.",
    ["kind"],
    registry=PUBLISH,
)
PUBLISH_BATCH_RECORDS = Histogram(
    "churn_publish_batch_records",
    "Score records in one call of Redis.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
    registry=PUBLISH,
)
PUBLISH_LATENCY_SECONDS = Histogram(
    "churn_publish_latency_seconds",
    "From the broker's stamp on the newest event in a score to the score being readable in Redis.",
    buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=PUBLISH,
)
PUBLISH_LATENCY_MS = Gauge(
    "churn_publish_recent_latency_ms",
    "Exact quantiles of the same over the last 100,000 scores; NaN before the first.",
    ["quantile"],
    registry=PUBLISH,
)
PUBLISH_HEARTBEATS = Counter(
    "churn_publish_heartbeats_total", "Heartbeats sent to users who were due.", registry=PUBLISH
)
PUBLISH_POSITION = Gauge(
    "churn_publish_position", "Next offset of the scores topic, by partition.", ["partition"], registry=PUBLISH
)
PUBLISH_TALLIED = Counter(
    "churn_publish_tallied_total",
    "Incoming records by what counting made of them: event, invalid, letter, or passed when they came too fast.",
    ["kind"],
    registry=PUBLISH,
)

# Webhooks, `churn deliver`.

DELIVER_ATTEMPTS = Counter(
    "churn_deliver_attempts_total",
    "Attempts to deliver, by what came of them: delivered or failed.",
    ["outcome"],
    registry=DELIVER,
)
DELIVER_ATTEMPT_SECONDS = Histogram(
    "churn_deliver_attempt_seconds",
    "From looking up the endpoint's name to its answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
    registry=DELIVER,
)
DELIVER_WAITING = Gauge(
    "churn_deliver_waiting", "Deliveries that wait, those of disabled endpoints too.", registry=DELIVER
)
DELIVER_ENDPOINTS = Gauge(
    "churn_deliver_endpoints", "Endpoints by state: enabled or disabled.", ["state"], registry=DELIVER
)
DELIVER_FAILING = Gauge(
    "churn_deliver_failing_endpoints", "Endpoints whose last attempt failed, or that are gone.", registry=DELIVER
)


def serve(registry: CollectorRegistry, host: str, port: int, section: str) -> None:
    """Answers `/metrics` from a thread of its own.

    Args:
        registry: of the program.
        host: address of this machine on which it listens.
        port: where; 0 takes a free one.
        section: of the settings that chose both, for the error.

    Raises:
        ChurnError: the port is taken, or the host is none of this machine.
    """
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ChurnError(
            f"Metrics cannot be served at {host}, port {port} ({error.strerror or error}).",
            f"Choose another one in the settings {section}.metrics_host and {section}.metrics_port.",
        ) from None
    log.info("serving metrics", url=f"http://{host}:{server.server_port}/metrics")

"""Prometheus metrics: events in and out by network, lanes, retries, dead letters, the homeserver's latency, ours."""

from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Figures = Callable[[], Awaitable[Mapping[str, Mapping[str, float]]]]


class Metrics:
    """Implements the core's `Meter`. One registry of its own, so that two can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "tchap_bridges_events",
            "What came in (in, again, refused) or left (out, retry, dead), links to files (link), their use (fetch), "
            "files looked at (clean, infected, forbidden type, too large, unreadable, changed, scanner away)",
            ["what", "where"],
            registry=self.registry,
        )
        self._latency = Histogram(
            "tchap_bridges_homeserver_seconds",
            "How long the homeserver takes to answer",
            ["method", "ok"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._lag = Histogram(
            "tchap_bridges_loop_lag_seconds",
            "How late the event loop is, looked at twenty times a second: all work waits that long",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10),
        )
        self._depth = Gauge("tchap_bridges_lane_depth", "Rows waiting to leave", ["where"], registry=self.registry)
        self._age = Gauge(
            "tchap_bridges_lane_age_seconds",
            "Age of the oldest row waiting to leave",
            ["where"],
            registry=self.registry,
        )
        self._dead = Gauge(
            "tchap_bridges_dead_letters", "Rows that wait for an admin", ["where"], registry=self.registry
        )
        self._inbox = Gauge("tchap_bridges_inbox_waiting", "Rows not routed yet", registry=self.registry)
        self._up = Gauge(
            "tchap_bridges_connection_up", "1 when the connection is up", ["where"], registry=self.registry
        )

    def count(self, what: str, where: str, n: int = 1) -> None:
        self._events.labels(what, where).inc(n)

    def observe(self, method: str, seconds: float, ok: bool) -> None:
        self._latency.labels(method, str(ok).lower()).observe(seconds)

    def late(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.observe(seconds)

    def page(self, figures: Mapping[str, Mapping[str, float]]) -> bytes:
        """The exposition text; ``figures`` are read from the store at the moment of asking."""
        for gauge, name in ((self._depth, "depth"), (self._age, "age"), (self._dead, "dead"), (self._up, "up")):
            gauge.clear()
            for where, value in figures.get(name, {}).items():
                gauge.labels(where).set(value)
        self._inbox.set(figures.get("inbox", {}).get("waiting", 0))
        return generate_latest(self.registry)

"""The state of things for Prometheus, on this machine only, read anew whenever it is asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from agent.daemon import checkup, logs
from agent.daemon.edits import Settings
from agent.errors import ThesiswatchError
from agent.workspace import looked_into

HOST = "127.0.0.1"
PREFIX = "thesiswatch"


@contextmanager
def served(settings: Settings, clock: Callable[[], datetime]) -> Iterator[None]:
    """Answer on the configured port while in it; do nothing where there is none.

    By the settings that the daemon goes by, whatever an edit says that it refused.
    """
    port = settings.config.monitoring.metrics_port
    if not port:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(settings, clock))
    try:
        server, thread = start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        raise ThesiswatchError(
            f"port {port} for Prometheus cannot be had: {error.strerror}",
            "Set [monitoring] metrics_port to a free one, or to 0",
        ) from error
    logs.info("metrics", address=f"http://{HOST}:{port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """Gauges of a data folder."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    def collect(self) -> Iterator[Any]:
        """Called for each answer; a folder that cannot be read is down, and no error."""
        try:
            with looked_into(self._settings.config, self._settings.thesis) as workspace:
                found = checkup.examine(workspace, self._clock())
        except ThesiswatchError as error:
            logs.warn("metrics could not be read", error=str(error))
            yield _gauge("up", "Whether the data folder can be read.", 0)
            return
        yield _gauge("up", "Whether the data folder can be read.", 1)
        yield from _gauges(found)


def _gauges(found: dict[str, Any]) -> Iterator[Any]:
    troubles = len(found["troubles"])
    yield _gauge("troubles", "What `thesis status` calls for attention.", troubles)
    if found["score"] is not None:
        yield _gauge("score", "Strength of the thesis, 0 to 100.", found["score"])
    yield _gauges_by("items", "Items by how far they have come.", "state", found["items"])
    yield _gauge("index_waiting", "Vectors that wait for the index.", found["index_waiting"])
    words: dict[str, int] = {}
    for one in found["sources"]:
        words[one["health"]] = words.get(one["health"], 0) + 1
    yield _gauges_by("sources", "Sources by health.", "health", words)
    spent = found["judge"]["cost_this_month"]
    yield _gauge("dollars_this_month", "What the language model cost this month.", spent)
    parts = ("database", "index", "cache", "logs", "kept", "free")
    disk = {name: found["disk"][name] for name in parts}
    yield _gauges_by("disk_bytes", "The data folder's parts, and what is free.", "part", disk)
    failures = {one["job"]: one["failures"] for one in found["jobs"]}
    yield _gauges_by("job_failures", "Failures in a row.", "job", failures)
    ended = {
        one["job"]: datetime.fromisoformat(one["succeeded_at"]).timestamp()
        for one in found["jobs"]
        if one["succeeded_at"]
    }
    yield _gauges_by("job_success_seconds", "When it last went well, Unix time.", "job", ended)


def _gauge(name: str, text: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _gauges_by(name: str, text: str, label: str, values: dict[str, Any]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family

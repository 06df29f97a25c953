"""What was measured: rounds, their medians and spread, the table and the file."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One line of the table. ``aim``: at least this where ``more`` is better, at most this where it is not."""

    key: str
    title: str
    unit: str
    aim: float | None = None
    more: bool = True
    digits: int = 1


MEASURES = (
    Measure(key="core.ratio_1", title="one room, one in flight", unit="/s", aim=0.9, digits=2),
    Measure(key="core.ratio_16", title="16 rooms, 16 in flight", unit="/s", aim=0.9, digits=2),
    Measure(key="core.added_latency_ms_p50", title="latency at rest, median", unit="ms", aim=10, more=False),
    Measure(key="core.added_latency_ms_p99", title="latency at rest, 99th percentile", unit="ms", more=False),
    Measure(key="core.cpu_ms_per_message", title="CPU of the bridge per message", unit="ms", more=False, digits=2),
    Measure(key="core.cpu_ms_per_message_worker", title="… its reader worker's part", unit="ms", more=False, digits=2),
    Measure(key="core.ceiling_per_s", title="ceiling, stub homeserver", unit="/s", aim=500, digits=0),
    Measure(key="core.ceiling_cpu_ms_main", title="… CPU of its main process", unit="ms", more=False, digits=2),
    Measure(key="core.ceiling_cpu_ms_worker", title="… CPU of its reader worker", unit="ms", more=False, digits=2),
    Measure(key="core.rss_mb_after_drain", title="… memory at its end, both", unit="MB", aim=150, more=False),
    Measure(key="core.smtp_accept_per_s", title="mails accepted durably", unit="/s", digits=0),
    Measure(key="core.rss_mb_10k_links", title="memory, 10,000 links", unit="MB", aim=150, more=False),
    Measure(key="core.rss_mb_10k_links_worker", title="… and its reader worker", unit="MB", more=False),
    Measure(key="core.ready_s_10k_links", title="ready after, 10,000 links", unit="s", aim=3, more=False, digits=2),
    Measure(key="hooks.accept_ms_p99", title="webhook: 202 at rest, 99th percentile", unit="ms", aim=50, more=False),
    Measure(key="hooks.ratio_p50", title="… median, over a bare handler's", unit="ms", more=False),
    Measure(key="hooks.ratio_p99", title="… 99th percentile, over its", unit="ms", more=False),
    Measure(key="hooks.accept_per_s", title="… 16 senders at once", unit="/s", digits=2),
    Measure(key="irc.ratio_one_room", title="IRC: ten people in one room", unit="/s", aim=0.95, digits=2),
    Measure(key="heisenbridge.ratio_one_room", title="… heisenbridge", unit="/s", digits=2),
    Measure(key="irc.latency_ms_p50", title="IRC: a line at rest, median", unit="ms", aim=60, more=False),
    Measure(key="heisenbridge.latency_ms_p50", title="… heisenbridge", unit="ms", more=False),
    Measure(key="irc.rss_mb", title="IRC: memory after a burst", unit="MB", more=False),
    Measure(key="heisenbridge.rss_mb", title="… heisenbridge", unit="MB", more=False),
    Measure(key="irc.lost_after_kill", title="IRC: lost by a kill -9 in a burst", unit="", aim=0, more=False, digits=0),
    Measure(key="heisenbridge.lost_after_kill", title="… heisenbridge", unit="", more=False, digits=0),
    Measure(key="irc.dup_after_kill", title="IRC: doubled by it", unit="", aim=0, more=False, digits=0),
    Measure(key="heisenbridge.dup_after_kill", title="… heisenbridge", unit="", more=False, digits=0),
    Measure(
        key="irc.lost_after_kill_history", title="… lost where there is history", unit="", aim=0, more=False, digits=0
    ),
    Measure(key="irc.dup_after_kill_history", title="… doubled there", unit="", aim=0, more=False, digits=0),
    Measure(key="bots.alone_ms", title="a bot answers, alone", unit="ms", more=False),
    Measure(key="bots.ratio_dort", title="… beside one that waits for ever", unit="ms", aim=2, more=False, digits=2),
    Measure(key="bots.ratio_rate", title="… beside one that raises each time", unit="ms", aim=2, more=False, digits=2),
    Measure(key="bots.ratio_bavard", title="… beside one that writes 1,000", unit="ms", aim=2, more=False, digits=2),
    Measure(key="encryption.ratio_first", title="a ghost's first encrypted words", unit="ms", more=False),
    Measure(key="encryption.ratio_next", title="… and those that follow", unit="ms", aim=1.5, more=False, digits=2),
    Measure(key="encryption.kb_per_ghost", title="… what a ghost's keys take on disk", unit="kB", more=False),
)


@dataclass(slots=True)
class Rounds:
    """What one measure gave, round by round. Where there is a ``raw``, ``value`` is what both come to."""

    value: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)


class Figures:
    """All measures of one run."""

    def __init__(self) -> None:
        self.rounds: dict[str, Rounds] = {}

    def note(self, key: str, value: float, *, ours: float | None = None, raw: float | None = None) -> None:
        """One round's result."""
        rounds = self.rounds.setdefault(key, Rounds())
        rounds.value.append(value)
        if ours is not None and raw is not None:
            rounds.ours.append(ours)
            rounds.raw.append(raw)

    def table(self) -> Table:
        table = Table(title="tchap-bridges: what it costs")
        for name in ("measure", "ours", "raw", "ratio or difference", "spread", "aim"):
            table.add_column(name, justify="left" if name == "measure" else "right", no_wrap=name == "measure")
        for measure in MEASURES:
            if measure.key in self.rounds:
                table.add_row(*_line(measure, self.rounds[measure.key]))
        return table

    def document(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """One number for each key, then how it came about."""
        numbers = {key: round(statistics.median(rounds.value), 4) for key, rounds in self.rounds.items()}
        detail = {
            key: {
                name: [round(one, 4) for one in each]
                for name, each in (("value", rounds.value), ("ours", rounds.ours), ("raw", rounds.raw))
                if each
            }
            for key, rounds in self.rounds.items()
        }
        return {**numbers, "rounds": detail, "machine": {**machine(), **facts}}


def show(figures: Figures) -> None:
    Console(width=max(Console().width, 118)).print(figures.table())


def write(figures: Figures, path: Path, facts: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures.document(facts), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """On what and when."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory) / 1e6, 1),
        "load_at_end": os.getloadavg()[0],
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _line(measure: Measure, rounds: Rounds) -> tuple[str, ...]:
    def told(value: float, digits: int = measure.digits) -> str:
        return f"{value:,.{digits}f}"

    middle = statistics.median(rounds.value)
    spread = f"{told(min(rounds.value))} – {told(max(rounds.value))}"
    met = measure.aim is None or (middle >= measure.aim if measure.more else middle <= measure.aim)
    aim = "" if measure.aim is None else f"{'≥' if measure.more else '≤'} {measure.aim:g} {'✓' if met else '✗'}"
    if rounds.raw:
        ours, raw = statistics.median(rounds.ours), statistics.median(rounds.raw)
        return measure.title, f"{ours:.1f} {measure.unit}", f"{raw:.1f} {measure.unit}", told(middle), spread, aim
    return measure.title, f"{told(middle)} {measure.unit}", "", "", spread, aim

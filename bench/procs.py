"""What processes cost, read from /proc: CPU seconds and resident memory of the bridge and of its reader worker."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far, and resident megabytes now."""

    cpu: float
    rss: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Of the bridge's main process, and of all its children together."""

    main: Cost
    workers: Cost

    @classmethod
    def of(cls, pid: int) -> Self:
        found = [_cost(child) for child in _children(pid)]
        return cls(_cost(pid), Cost(sum(each.cpu for each in found), sum(each.rss for each in found)))

    @property
    def cpu(self) -> float:
        return self.main.cpu + self.workers.cpu


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cost(pid: int) -> Cost:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    rss = next((int(line.split()[1]) for line in status if line.startswith("VmRSS:")), 0)
    return Cost((int(fields[11]) + int(fields[12])) / _TICK, rss * 1024 / 1e6)

"""Cores and CPU time, from /proc: who may run where, and what it took."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Cores(NamedTuple):
    """The core of what is measured, and those of everything else; both empty where cores can't be chosen."""

    measured: frozenset[int]
    others: frozenset[int]

    def __str__(self) -> str:
        if not self.measured:
            return "not pinned: there is one core, or cores can't be chosen here"
        return f"measured process on core {min(self.measured)}, everything else on {sorted(self.others)}"


def split_cores() -> Cores:
    """Return the last core for what is measured, and the rest for the rest."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:  # noqa: PLR2004 - one for each side
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(cores[-1:]), frozenset(cores[:-1]))


def pin(pid: int, cores: Iterable[int]) -> None:
    """Let a process (0: this one), and what it starts from now on, run on these cores only."""
    if cores:
        os.sched_setaffinity(pid, cores)


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Return the CPU time of a process with all its threads, kernel included; 0.0 when it is gone.

    ``with_children`` adds that of its children that have ended.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_children else 13])) / TICKS


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


class Watch:
    """CPU time of one process, and of all that are none of ours, since the watch was made."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process = cpu_seconds(pid)
        self._steal = _steal_seconds()
        self._others = _others()

    def process_seconds(self) -> float:
        """Return what the watched process used."""
        return cpu_seconds(self._pid) - self._process

    def foreign_seconds(self) -> float:
        """Return what everybody else on this machine used, the host's other guests (steal) included."""
        others = sum(max(0.0, seconds - self._others.get(pid, 0.0)) for pid, seconds in _others().items())
        return others + _steal_seconds() - self._steal


def _others() -> dict[int, float]:
    # Process by process: the sums in /proc/stat are counted in ticks, and are wrong by half for who sleeps often.
    ours = set(tree(os.getpid()))
    found = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()} - ours
    return {pid: cpu_seconds(pid, with_children=True) for pid in found}


def _steal_seconds() -> float:
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICKS


def processor() -> str:
    """Return what this machine calls its processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def end(process: "subprocess.Popen[bytes]", *, seconds_max: float = 30.0) -> None:
    """Stop a process that we started: politely, then not."""
    process.terminate()
    try:
        process.wait(seconds_max)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

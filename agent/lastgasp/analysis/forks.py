"""Children that come and go: of which processes does a program that forks for its work tell nothing by their memory?

A server that forks a child for each client, or keeps some and replaces them, has many lives of one program at the same
time. A child's pages become its own as it works and are all given back when it ends; what such a life does is the
course of its work and no trend of the program.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from lastgasp.analysis.fields import whole
from lastgasp.analysis.identity import user_processes
from lastgasp.timeline.model import Boot, Process

CHILDREN_LEAST = 6  # that ended while it was recorded
AT_A_TIME = 0.5  # of them have to be there together with another: else it is a job that is done again and again


def forked(boot: Boot, name_of: Callable[[Process], bytes]) -> set[bytes]:
    """The keys of all children of fork servers; ``name_of``: the program of a process, the same for both of them.

    Nothing is known of the parent of a process without "ppid".
    """
    programs: dict[bytes, list[Process]] = defaultdict(list)
    for process in user_processes(boot):
        programs[name_of(process)].append(process)
    found: set[bytes] = set()
    for processes in programs.values():
        if len(processes) > CHILDREN_LEAST:
            found.update(_children(boot, processes))
    return found


def _children(boot: Boot, processes: list[Process]) -> set[bytes]:
    """Those of one program that another of it forked, if there are many and several at a time."""
    pids = {process.pid for process in processes}
    spans: list[tuple[int, int, bytes]] = []
    for process in processes:
        first_ms = _first_ms(boot, process)
        parent = whole(process.attributes.get("ppid"))
        if first_ms is not None and parent != process.pid and parent in pids:
            until_ms = boot.last_ms if process.gone_ms is None else process.gone_ms
            spans.append((first_ms, until_ms, process.key))
    ended = sum(until_ms < boot.last_ms for _, until_ms, _ in spans)
    together, reached = 0, -1
    for first_ms, until_ms, _ in sorted(spans):
        together += first_ms < reached
        reached = max(reached, until_ms)
    if ended < CHILDREN_LEAST or together < AT_A_TIME * len(spans):
        return set()
    return {key for _, _, key in spans}


def _first_ms(boot: Boot, process: Process) -> int | None:
    """When it was first seen."""
    return min((series.at[0] for series in boot.rows("process").get(process.key, []) if len(series.at)), default=None)

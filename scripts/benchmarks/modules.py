"""What each module that the agent imports costs it, and each step of its start and first ticks.

Tables of private dirty memory per interpreter, as a kernel page at a time shows it: a module smaller than what is
free in the page that is being filled shows as 0, the next one then as more. The sums are right. Before them, where
the memory of the interpreter lies when it has done nothing.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import device, procfs, workload
from benchmarks.children import ChildError, Children
from benchmarks.plan import Plan, Tree
from benchmarks.table import aligned

LEAST_KIB = 8  # steps that cost less are not shown
CALLS_SHOWN = 10  # of each: later ones take and give back by turns


@dataclass(frozen=True, slots=True)
class Cost:
    """One import or step: what it took by itself, with all inside it, and what there was after it. KiB."""

    name: str
    depth: int
    own: int
    whole: int
    after: int


def costs(lines: Iterable[str]) -> list[Cost]:
    """The costs that ``inside/imports`` prints, in the order in which they ended. Ignores other lines."""
    found: list[Cost] = []
    open_: list[tuple[str, int, int]] = []  # name, size before, sum of what ended inside
    for line in lines:
        mark, _, rest = line.strip().partition(" ")
        number, _, name = rest.partition(" ")
        if mark not in ("<", ">", "=") or not number.isdigit():
            continue
        size = int(number)
        if mark == ">":
            open_.append((name, size, 0))
        elif mark == "=":
            if found and found[0].name == name:  # the agent began anew
                found.clear()
                open_.clear()
            found.append(Cost(name, 0, size if not found else 0, size if not found else 0, size))
        elif open_:
            name, before, inside = open_.pop()
            whole = size - before
            found.append(Cost(name, len(open_), whole - inside, whole, size))
            if open_:
                open_[-1] = (*open_[-1][:2], open_[-1][2] + whole)
    return found


def is_step(cost: Cost) -> bool:
    """A call, not an import."""
    return "()" in cost.name


def is_shown(step: Cost) -> bool:
    """Does it tell something?"""
    number = int(step.name.rpartition(" ")[2])
    return number <= CALLS_SHOWN and (abs(step.own) >= LEAST_KIB or (step.whole >= LEAST_KIB and number == 1))


def render(found: list[Cost]) -> str:
    """Both tables of what was imported and done."""
    modules = [("module", "own KiB", "with its imports", "then")]
    steps = [("step (call number)", "own KiB", "with all inside", "then")]
    for cost in found:
        line = ("  " * cost.depth + cost.name, str(cost.own), str(cost.whole), str(cost.after))
        if not is_step(cost):
            modules.append(line)
        elif is_shown(cost):
            steps.append(line)
    return "\n".join([*aligned(modules, bool), "", *aligned(steps, bool)]) + "\n"


def bare(children: Children, tree: Tree) -> str:
    """Where the memory of an interpreter is that does nothing."""
    name = f"bare-{tree.label}"
    command = [tree.python, *device.FLAGS, "-c", "import posix; posix.write(1, b'.'); posix.read(0, 1)"]
    process = children.start(name, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdout is None or not process.stdout.read(1):
        raise ChildError(f"{name} failed: {children.last_words(name)}")
    sums = sorted(procfs.private_dirty_by_mapping(process.pid).items(), key=lambda pair: -pair[1])
    children.end(name)
    lines = [("the bare interpreter", "KiB"), ("all", str(sum(size for _, size in sums) // 1024))]
    lines += [("  " + mapping, str(size // 1024)) for mapping, size in sums if size >= LEAST_KIB * 1024]
    return "\n".join(aligned(lines, bool)) + "\n\n"


def run(plan: Plan) -> str:
    """The tables of all interpreters, under the workload."""
    texts = []
    with Children(plan.folder) as children:
        workload.start(children, plan.folder, workload.MAIN)
        for tree in plan.trees:
            name = f"imports-{tree.label}"
            config = device.write_config(plan.folder, name, {"interval": "100ms", "slow_interval": "1200ms"})
            command = [tree.python, *device.FLAGS, f"{tree.folder}/imports.pyc", "run", "--config", config]
            process = children.start(name, command, stdout=subprocess.PIPE)
            output = process.stdout.read().decode(errors="replace") if process.stdout else ""
            if children.end(name):
                raise ChildError(f"{name} failed: {children.last_words(name)}")
            heading = f"Python {tree.label}: private dirty memory, in the order in which imports and calls ended\n\n"
            texts.append(heading + bare(children, tree) + render(costs(output.splitlines())))
    return "\n".join(texts)

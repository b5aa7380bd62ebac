"""What a budget file may say, and the one line for each thing that it may not."""

from __future__ import annotations

import random
import string

import pytest

from lastgasp.analysis.budget import units
from lastgasp.analysis.budget.budget import Budget, BudgetError, ProcessBudget, SystemBudget, parse
from lastgasp.analysis.budget.units import Rate
from lastgasp.cli.check import EXAMPLE

MB = 1 << 20


def test_a_budget_is_what_it_says() -> None:
    text = """
    [recording]
    at_least = "2 h"
    [system]
    available_floor = "12 MB"
    unexplained_growth = "500 kB/h"
    slab = 1048576
    oom_kills = 0
    reboots = 1
    stall = "0.5 %"
    flash_per_day = "5 MB"
    [process.sensord]
    steady = "9 MB"
    peak = "1.5 MiB"
    growth = "1 %/h"
    threads = 12
    open_files = 40
    [process."web*"]
    required = true
    growth = "24 MB/day"
    """
    assert parse(text) == Budget(
        7_200_000,
        SystemBudget(12 * MB, Rate(500 * 1024, None), MB, 0, 1, 0.005, 5 * MB),
        (
            ProcessBudget("sensord", True, 9 * MB, 3 * MB // 2, Rate(None, 0.01), 12, 40),
            ProcessBudget("web*", True, growth=Rate(MB, None)),
        ),
    )


def test_who_is_named_has_to_run_and_who_only_fits_a_pattern_has_not() -> None:
    sensord, web = parse("[process.sensord]\npeak = 1\n[process.'web*']\npeak = 1").processes
    assert (sensord.required, web.required) == (True, False)


def test_the_shipped_example_is_a_budget() -> None:
    budget = parse(EXAMPLE.read_text(encoding="utf-8"))
    assert [one.pattern for one in budget.processes] == ["lastgasp-agent", "*"]
    assert None not in {getattr(budget.system, name) for name in SystemBudget.__slots__}


def test_what_the_example_comments_out_is_right_too() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.removeprefix("#") if line[:2] in ("#[",) or _key(line) else line for line in lines)
    assert [one.pattern for one in parse(text).processes] == ["lastgasp-agent", "sensord", "python3 server.py", "*"]


def _key(line: str) -> bool:
    return line.startswith("#") and line[1:2].isalpha()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[proces.sensord]\npeak = 1", "[proces]: unknown; did you mean process?"),
        ("[zzz]\npeak = 1", "[zzz]: unknown; known are recording, system, process"),
        ("[process.sensord]\npeek = 1", "process.sensord.peek: unknown; did you mean peak?"),
        ("[process.'a b']\nxyz = 1", 'process."a b".xyz: unknown; known are required, steady'),
        ("[system]\noom_kill = 0", "system.oom_kill: unknown; did you mean oom_kills?"),
        ("[process.a]\npeak = '12 XB'", 'process.a.peak = "12 XB": wants a size'),
        ("[process.a]\npeak = -1", "process.a.peak = -1: wants a size"),
        ("[process.a]\npeak = true", "process.a.peak = true: wants a size"),
        ("[process.a]\npeak = 1.5", "process.a.peak = 1.5: wants a size"),
        ("[process.a]\npeak = '1 MB/h'", 'process.a.peak = "1 MB/h": wants a size'),
        ("[process.a]\ngrowth = '1 MB'", 'process.a.growth = "1 MB": wants a rate'),
        ("[process.a]\nthreads = '3'", 'process.a.threads = "3": wants a whole number'),
        ("[process.a]\nrequired = 1", "process.a.required = 1: wants true or false"),
        ("[process]\na = 1", "process.a = 1: wants a table, [process.a]"),
        ("process = 1", "process = 1: wants a table, [process]"),
        ("[process.'']\npeak = 1", 'process."": wants the name of a program'),
        ("[system]\nstall = '101 %'", 'system.stall = "101 %": wants a share'),
        ("[system]\nstall = 0.5", "system.stall = 0.5: wants a share"),
        ("[system]\nunexplained_growth = '1 %/h'", "system.unexplained_growth: wants bytes in a time"),
        ("[recording]\nat_least = '1 fortnight'", 'recording.at_least = "1 fortnight": wants a time'),
        ("[system]\nslab = '999999999999999 TB'", "wants a size"),
        ("[system", "not TOML: "),
        ("", "limits nothing"),
        ("[system]\n", "limits nothing"),
        ("a = " + "[" * 5000, "not TOML"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(BudgetError) as error:
        parse(text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_any_text_is_a_budget_or_one_line() -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    for seed in range(400):
        rng = random.Random(seed)
        text = list(example)
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(text))
            text[at : at + rng.randrange(3)] = rng.choice(string.printable + "é\0\x1b") * rng.randrange(3)
        try:
            parse("".join(text))
        except BudgetError as error:
            assert str(error), f"seed {seed}"


@pytest.mark.parametrize(
    ("text", "size"),
    [("12 MB", 12 * MB), ("12MiB", 12 * MB), ("12M", 12 * MB), ("512", 512), ("0.5 kB", 512), ("1 GiB", 1024 * MB)],
)
def test_sizes(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize(
    ("text", "per_h"), [("60 kB/h", 61440.0), ("1 kB/min", 61440.0), ("1 kB / s", 3686400.0), ("24 kB/d", 1024.0)]
)
def test_rates(text: str, per_h: float) -> None:
    assert units.rate(text) == Rate(per_h, None)


def test_a_pattern_longer_than_a_comm_fits_what_the_kernel_keeps_of_it() -> None:
    assert ProcessBudget("temperature-sensord").fits(b"temperature-sen")
    assert not ProcessBudget("temperature-*").fits(b"temp")
    assert ProcessBudget("web*").fits(b"webui")

"""What oom, what-if and advise print as JSON, over all logs and stories, is what JSON.md says: no field more or less.

A field that fails here is to be explained in that page, or to be taken out of it; the call that printed it is named.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lastgasp.cli.main import main
from lastgasp.oom.report import Memcg, Place, Refusal, Report, Task, Victim, Zone
from lastgasp.report import as_json
from oomstories import STORIES as OOM_STORIES
from scene import Scene
from stories import STORIES

LOGS = Path(__file__).parents[1] / "oomlogs"
TEXTS = sorted(str(path) for path in LOGS.rglob("*.txt"))
PAGE = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^# `lastgasp (\S+) --json`\n(.*?)(?=^# |\Z)", PAGE))

# Their keys are data: the kernel's words, or kinds of memory.
DATA = {"parts"}
# Explained in the section on "report", to which these refer (with what their own adds); so are moments.
OF_REPORT = {"program", "machine", "also", "outlook"}
REFERRED = {"next_victim", "growth", "happenings", "worst"}
MOMENT = {"boot", "uptime_ms", "utc"}
# "oom/report.py names and explains" it, so that is what it is held against.
OF_PARSER = "report"

WHAT_IF: list[tuple[str, ...]] = [
    ("--oom-score-adj", "leaker=-1000", "--ram", "+8M", "--swap", "4M", "--limit", "+1M"),
    ("--kill-allocating-task",),
]
WHAT_IF_RING: list[tuple[str, ...]] = [
    ("--oom-score-adj", "sensord=-900"),
    ("--at", "end", "--process", "*", "--process", "[s-z]*", "--oom-score-adj", "[a-d]*=-1000"),
    ("--overcommit-memory", "2", "--overcommit-ratio", "20"),
]


def rings(folder: Path) -> list[str]:
    for name, story in (STORIES | OOM_STORIES).items():
        story(folder / f"{name}.lgr")
    promises = Scene(folder / "promises.lgr")
    promises.meminfo["Committed_AS"] = 10_000
    promises.boot().record(5)
    promises.meminfo["Committed_AS"] = 40_000
    promises.record(5).stop()
    return sorted(str(path) for path in folder.iterdir())


@cache
def outputs(command: str) -> list[tuple[str, Any]]:
    """What was called, and what it printed; calls that have no answer are left out."""
    with TemporaryDirectory() as folder:
        recordings = rings(Path(folder))
        if command == "what-if":
            calls = [(path, *words) for words in WHAT_IF for path in TEXTS]
            calls += [(path, *words) for words in WHAT_IF_RING for path in recordings]
        else:
            calls = [(path,) for path in [*TEXTS, *recordings]]
            calls += [(folder,)] if command == "oom" else []
        return [(" ".join(call), found) for call in calls for found in printed(command, "--json", *call)]


def printed(*words: str) -> Iterator[Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        status = main(list(words))
    if status == 0:
        yield json.loads(out.getvalue())


def keys(value: Any, skip: set[str]) -> Iterator[str]:
    """All keys, at any depth, but not below those that ``skip`` names."""
    for item in value if isinstance(value, list) else []:
        yield from keys(item, skip)
    for key, item in value.items() if isinstance(value, dict) else []:
        yield key
        if key not in skip:
            yield from keys(item, skip)


def below(value: Any, names: set[str]) -> Iterator[Any]:
    """What stands under these keys, at any depth."""
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
        yield from below(item, names)
    yield from (item for key, item in value.items() if key in names) if isinstance(value, dict) else ()


def words(value: Any) -> Iterator[str]:
    """All values that are words."""
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
        yield from words(item)


def named(section: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", SECTIONS[section]))


@pytest.mark.parametrize("command", ["oom", "what-if", "advise"])
def test_every_field_is_explained(command: str) -> None:
    assert len(outputs(command)) > 50
    unknown: dict[str, str] = {}
    for call, found in outputs(command):
        skip = DATA | OF_REPORT | ({OF_PARSER} if command == "oom" else set())
        for key in set(keys(found, skip)) - named(command) - MOMENT:
            unknown.setdefault(key, call)
        for part in below(found, OF_REPORT):
            for key in set(keys(part, DATA)) - named("report") - named(command) - MOMENT:
                unknown.setdefault(f"{key}, as in a report", call)
    assert unknown == {}


@pytest.mark.parametrize("command", ["oom", "what-if", "advise"])
def test_everything_that_is_explained_exists(command: str) -> None:
    there: set[str] = set()
    for _, found in outputs(command):
        there |= set(keys(found, DATA)) | {word for word in words(found) if word.isidentifier()}
    elsewhere = {"null", "1", "_kb", "_pages"} | REFERRED
    assert named(command) - there - elsewhere == set()


def test_the_report_of_the_parser_is_given_field_by_field() -> None:
    parts = {"place": Place, "memcg": Memcg, "zones": Zone, "tasks": Task, "victims": Victim, "exiting": Victim}
    parts |= {"refusal": Refusal}
    seen: set[str] = set()
    for _, found in outputs("oom"):
        for one in found.get("reports", []):
            report = one["report"]
            assert set(report) == set(Report.__dataclass_fields__)
            for name, kind in parts.items():
                value = report[name]
                for item in value if isinstance(value, list) else [value] if value is not None else []:
                    assert set(item) == {field.name for field in fields(kind)}
                    seen.add(name)
    assert seen == set(parts)

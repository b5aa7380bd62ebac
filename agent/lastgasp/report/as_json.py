"""The report as one JSON object: the same facts, field by field (JSON.md explains them).

Foreign text (names, command lines, kernel messages) is given as ``visible`` shows it, so that whoever prints it is
safe; in plain names that changes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from enum import Enum

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.times import Moment
from lastgasp.report import units
from lastgasp.report.answer import answer
from lastgasp.report.visible import visible
from lastgasp.report.why import sentences

FORMAT = 1


def render(recordings: list[Facts]) -> str:
    """The whole object, one line per level that matters, ASCII only."""
    found = []
    for facts in recordings:
        why = [
            {"at": plain(one.at), "culprit": plain(one.culprit), "answer": sentences(one, visible)}
            for one in facts.explained
        ]
        item = {"answer": answer(facts, visible), **_plain_fields(facts), "why": why}
        found.append(item)
    return json.dumps({"lastgasp_report": FORMAT, "recordings": found}, indent=1) + "\n"


def plain(value: object) -> object:
    """Dataclasses, enums, bytes and moments as JSON has them."""
    if isinstance(value, Moment):
        utc = None if value.wall_ns is None else units.utc(value.wall_ns).replace(" ", "T") + "Z"
        return {"boot": value.boot, "uptime_ms": value.uptime_ms, "utc": utc}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return visible(value)
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 4)
    return value


def _plain_fields(value: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(value)
    fields = [field for field in dataclasses.fields(value) if field.metadata.get("json", True)]
    return {field.name: plain(getattr(value, field.name)) for field in fields}

"""``lastgasp pull`` and what belongs to it, called in this process; and what its page of JSON explains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lastgasp.cli.main import main
from lastgasp.report import as_json

RECORDING = Path(__file__).parents[1] / "recordings" / "armhf-6.1-protected-leaker.ring.gz"
PAGE = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^# `lastgasp (\S+) --json`\n(.*?)(?=^# |\Z)", PAGE))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key != "put_together":  # its keys are data
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)

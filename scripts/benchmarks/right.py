"""Is it right? Everything that ``scripts/bench --accuracy`` prints: tables, of what is known beforehand.

- leak or not, over the labelled corpus of model programs (``accuracy``), and over real programs in the same table;
- each of the real programs (``real.shapes``): what it was called, and whether the place was named; and what would have
  been said if its recording had ended at any other moment;
- the forecast at half-time, over recordings that end in a real OOM kill (``real.kills``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import accuracy
from benchmarks.real import kills, labels, shapes
from benchmarks.real.labels import RECORDINGS
from lastgasp.timeline.load import load


def ending() -> list[Path]:
    """Recordings that end in an OOM kill: of memory groups in oom/, of ARM kernels in an emulator beside it."""
    return [*sorted((RECORDINGS / "oom").glob("*.ring.gz")), *sorted(RECORDINGS.glob("*.ring.gz"))]


def forecasts(say: Callable[[str], None]) -> list[kills.Foretold]:
    """The forecast at half-time for each of them."""
    said = []
    for path in ending():
        say(f"asking for the forecast in {path.name}")
        for recording in load(str(path)):
            said += kills.foretold(recording)
    return said


def text(curves: int, say: Callable[[str], None]) -> str:
    """All tables."""
    say("reading what real programs did")
    real = shapes.cases()
    rows = accuracy.accuracy(curves, accuracy.FIRST_SEED, say, [case for case, _ in real])
    truths = labels.read(shapes.REAL / "truth.toml")
    often = [one for name, recording in shapes.recordings() for one in shapes.asked_often(recording, name, truths)]
    parts = (
        ("Leak or not", accuracy.render(rows)),
        ("Real programs", shapes.render(real)),
        (f"Real programs, asked every {shapes.EVERY_S} s", shapes.render_often(often)),
        ("Forecast at half-time, before real OOM kills", kills.render(forecasts(say))),
    )
    return "\n".join(f"{title}\n\n{table}" for title, table in parts)

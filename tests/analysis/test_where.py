"""Each mapping is judged by its own curve, as far as it was read often enough."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from lastgasp.analysis.identity import program
from lastgasp.analysis.shape.verdict import Confidence, Shape
from lastgasp.analysis.where import Mappings, Place, Where
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording
from scene import Scene

REAL = Path(__file__).parents[1] / "recordings" / "real"


@cache
def programs() -> Recording:
    (recording,) = load(str(REAL / "programs.ring.gz"))
    return recording


def of_real(name: bytes) -> Where:
    recording = programs()
    boot = recording.boots[0]
    (key,) = [key for key, process in boot.processes.items() if program(process) == name]
    where = Mappings(recording.boots, 0).of(key)
    assert where is not None
    return where


def made(scene: Scene) -> Where | None:
    recording = scene.flush().load()
    return Mappings(recording.boots, 0).of(next(iter(scene.programs.values())).key)


def named(where: Where | None, name: bytes) -> Place:
    assert where is not None
    (place,) = [place for place in where.places if place.name == name]
    return place


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=256).boot()


@pytest.mark.parametrize(
    ("name", "mapping"),
    [
        (b"historyd", b"[heap]"),
        (b"map-leak", b"[anon]"),
        (b"notesd", b"/srv/real/bin/libnotes.so.1"),
        (b"redis-forever", b"[anon]"),
    ],
)
def test_the_mapping_that_leaks_is_told_from_those_beside_it(name: bytes, mapping: bytes) -> None:
    where = of_real(name)
    verdict = named(where, mapping).verdict
    assert verdict is not None and verdict.claims
    assert verdict.grown / (verdict.until_ms - verdict.since_ms) == pytest.approx(verdict.per_s / 1000)
    others = [place for place in where.places if place.name != mapping]
    quiet = [place.verdict is not None and place.verdict.shape is Shape.STEADY for place in others if not place.grown]
    assert all(quiet)


def test_two_mappings_that_leak_each_have_their_rate() -> None:
    """Its objects lie in the heap, the larger ones in mappings of their own."""
    places = {place.name: place for place in of_real(b"python3 leaky-api.py").places}
    rates = [place.verdict.per_s for place in places.values() if place.verdict and place.verdict.claims]
    assert len(rates) == 2


def test_with_few_readings_the_shape_is_too_short_to_tell(scene: Scene) -> None:
    scene.run(200, b"leaky", lambda s: 1_000 + 10 * s)
    scene.record(300, mappings_every=40)
    verdict = named(made(scene), b"[heap]").verdict
    assert verdict is not None
    assert (verdict.shape, verdict.confidence) == (Shape.TOO_SHORT, Confidence.LOW)


def test_what_was_read_once_has_no_verdict(scene: Scene) -> None:
    scene.run(200, b"leaky", lambda s: 1_000 + 10 * s)
    scene.record(60, mappings_every=1_000)
    place = named(made(scene), b"[heap]")
    assert (place.grown, place.verdict) == (None, None)


def test_a_mapping_that_is_no_longer_read_has_stopped_to_grow(scene: Scene) -> None:
    """The agent reads those who grow: no reading for most of the time means that nothing came."""
    scene.run(200, b"warms", lambda s: 1_000 + 100 * min(s, 60))
    scene.record(70, mappings_every=4)
    scene.record(400)
    verdict = named(made(scene), b"[heap]").verdict
    assert verdict is not None
    assert verdict.shape is not Shape.LEAK

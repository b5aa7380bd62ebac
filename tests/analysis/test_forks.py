"""A program whose children come and go by the dozen is a fork server; one job after the other is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.real import shapes
from lastgasp.analysis.forks import CHILDREN_LEAST, forked
from lastgasp.analysis.growth import Growth, growths
from lastgasp.analysis.identity import program
from lastgasp.analysis.shape.verdict import Shape
from scene import Scene

SERVER = 100


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path / "ring", slots=256).boot()
    scene.run(SERVER, b"httpd", 2_000)
    scene.record(2)
    return scene


def serve(scene: Scene, children: int, at_a_time: int, name: bytes = b"httpd", parent: int = SERVER) -> None:
    """Children that make 30 kB a second their own and end after half a minute."""
    alive: list[int] = []
    for number in range(children):
        pid = 200 + number
        scene.run(pid, name, lambda t: 300 + 30 * t, parent=parent)
        alive.append(pid)
        scene.record(30 // at_a_time)
        if len(alive) == at_a_time:
            scene.end(alive.pop(0))
    for pid in alive:
        scene.end(pid)
    scene.record(5)


def httpd(scene: Scene) -> Growth:
    (found,) = [growth for growth in growths(scene.flush().load()) if growth.name == b"httpd"]
    return found


def test_children_of_a_fork_server_are_no_leak_but_what_they_are(scene: Scene) -> None:
    serve(scene, 12, 3)
    found = httpd(scene)
    assert found.lives == 13
    assert found.worst.pid >= 200
    assert found.worst.verdict.shape is Shape.FORK_SERVER
    assert not found.worst.leaks


def test_a_server_that_leaks_itself_is_still_told(scene: Scene) -> None:
    scene.programs[SERVER].size = lambda t: 2_000 + 40 * t
    serve(scene, 12, 3)
    found = httpd(scene)
    assert (found.worst.pid, found.worst.verdict.shape, found.worst.leaks) == (SERVER, Shape.LEAK, True)


def test_a_child_that_was_killed_while_it_grew_may_be_who_leaks(scene: Scene) -> None:
    serve(scene, 12, 3)
    scene.run(300, b"httpd", lambda t: 300 + 60 * t, parent=SERVER)
    scene.record(60)
    scene.end(300, 9)
    found = httpd(scene)
    assert (found.worst.pid, found.worst.leaks) == (300, True)


def test_a_few_children_make_no_server(scene: Scene) -> None:
    serve(scene, CHILDREN_LEAST - 1, 3)
    assert forked(scene.flush().load().boots[0], program) == set()


def test_one_job_after_the_other_makes_no_server(scene: Scene) -> None:
    serve(scene, 12, 1)
    assert forked(scene.flush().load().boots[0], program) == set()


@pytest.mark.parametrize(("name", "parent"), [(b"worker", SERVER), (b"httpd", 1)])
def test_children_are_those_of_the_same_program_that_it_started_itself(scene: Scene, name: bytes, parent: int) -> None:
    serve(scene, 12, 3, name, parent)
    assert forked(scene.flush().load().boots[0], program) == set()


def test_in_recordings_of_real_programs_it_is_the_one_that_forks_four_at_a_time_and_no_other() -> None:
    """Not redis, that forks every few minutes to save; not nginx; not the shell that starts ls and sleep."""
    for name, recording in shapes.recordings():
        for boot in recording.boots:
            names = {program(boot.processes[key]) for key in forked(boot, program)}
            assert names == ({b"fork-server"} if name != "driven" else set()), name


def test_a_key_that_is_none_of_a_process_is_passed_over(scene: Scene) -> None:
    """Of a ring that somebody made, or that is damaged."""
    serve(scene, 12, at_a_time=3)
    recording = scene.flush().load()
    boot = recording.boots[0]
    children = forked(boot, program)
    assert children
    boot.processes[b"bad"] = replace(boot.processes[next(iter(children))], key=b"bad")
    assert forked(boot, program) == children
    assert [growth.name for growth in growths(recording)] == [b"httpd"]

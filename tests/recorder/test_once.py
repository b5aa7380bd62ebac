"""Modules that are borrowed leave nothing behind, without any help of the garbage collector."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
from fake_proc import FakeProc
from taped import Taped

from lastgasp.recorder import once
from lastgasp.recorder.config import Config
from lastgasp.recorder.sampler import Sampler


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def functions() -> int:
    return sum(callable(thing) for thing in gc.get_objects())


def test_telling_the_machine_again_and_again_keeps_no_code(taped: Taped, fake: FakeProc, no_collector: None) -> None:
    sampler = Sampler(taped.encoder, Config(), fake.root)
    sampler.write_machine(0)
    before = functions()
    for now in range(20):
        sampler.write_machine(now)
    assert functions() == before


@pytest.mark.parametrize("name", ["recorder.status", "recorder.requests", "recorder.identity", "proc.mounts"])
def test_what_was_borrowed_is_gone(name: str, no_collector: None) -> None:
    with once.borrowed(name):
        pass
    before = functions()
    for _ in range(3):
        with once.borrowed(name):
            pass
    assert functions() == before


def test_who_imported_it_before_keeps_a_module_of_their_own() -> None:
    from lastgasp.recorder import config_file

    with once.borrowed("recorder.config_file") as other:
        assert other is not config_file
    assert sys.modules["lastgasp.recorder.config_file"] is config_file
    assert config_file.duration("5s") == 5000


def test_a_module_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ImportError), once.borrowed("recorder.nothing"):
        pass

"""Whose a mapping is, whatever the kernel, the recorder and the lists call its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.analysis.ownership.assign import assign, file_of
from lastgasp.analysis.ownership.listing import Listing, Package, join
from lastgasp.analysis.ownership.owner import Owner, Owners
from lastgasp.proc.pid_smaps import Summary
from lastgasp.report.package import package
from lastgasp.report.visible import visible
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Process
from stories import STORIES

FOO = Owner(b"libfoo", b"1.4.2", b"MIT", "list")
BAR = Owner(b"bar", None, None, "list")


def owners(*paths: bytes) -> Owners:
    return Owners(dict.fromkeys(paths, FOO))


def recorded(path: bytes) -> bytes:
    """What the recorder calls a mapping of that file."""
    summary = Summary()
    summary.feed(b"76f00000-76f10000 rw-p 00000000 b3:02 1234       " + path + b"\nSize: 64 kB\n")
    (name,) = summary.totals
    return name


def test_by_its_path() -> None:
    known = owners(b"/usr/lib/libfoo.so.1.4.2", b"/opt/\xff\xfe/a b")
    assert known.of(b"/usr/lib/libfoo.so.1.4.2") == FOO
    assert known.of(b"/opt/\xff\xfe/a b") == FOO
    assert known.of(b"/opt/app/usr/lib/libfoo.so.1.4.2") is None  # an app's own copy is another file
    assert known.of(b"libfoo.so.1.4.2") is None
    assert known.of(b"") is None


@pytest.mark.parametrize(
    ("listed", "mapped"),
    [
        (b"/lib/arm-linux-gnueabihf/libc.so.6", b"/usr/lib/arm-linux-gnueabihf/libc.so.6"),
        (b"/usr/lib/libc.so.6", b"/lib/libc.so.6"),
        (b"/bin/busybox", b"/usr/bin/busybox"),
        (b"/usr/lib64/libc.so.6", b"/lib64/libc.so.6"),
    ],
)
def test_where_usr_is_merged_and_where_it_is_not(listed: bytes, mapped: bytes) -> None:
    assert owners(listed).of(mapped) == FOO


def test_only_what_is_merged_is_taken_for_the_same() -> None:
    assert owners(b"/share/data").of(b"/usr/share/data") is None
    assert Owners({b"/lib/a": FOO, b"/usr/lib/a": BAR}).of(b"/lib/a") == FOO


def test_below_an_overlay_or_the_root_of_an_initramfs() -> None:
    known = owners(b"/usr/lib/libfoo.so.1")
    assert known.of(b"/overlay/upper/usr/lib/libfoo.so.1") == FOO
    assert known.of(b"/rom/lib/libfoo.so.1") == FOO
    assert known.of(b"/overlayfs/usr/lib/libfoo.so.1") is None


def test_of_a_file_that_was_replaced_the_version_is_not_known() -> None:
    known = owners(b"/usr/lib/libfoo.so.1")
    assert known.of(b"/usr/lib/libfoo.so.1 (deleted)") == replace(FOO, version=None)
    assert owners(b"/usr/lib/odd (deleted)").of(b"/usr/lib/odd (deleted)") == FOO


@pytest.mark.parametrize("listed", [b"/opt/vendor/", b"/usr/lib/"])
@pytest.mark.parametrize("suffix", [b"", b" (deleted)"])
def test_a_name_that_the_recorder_cut(listed: bytes, suffix: bytes) -> None:
    for length in range(100, 260):
        path = listed + b"d" * (length - len(listed) - 14) + b"/libfoo.so.1.4"
        known = owners(path)
        owner = known.of(recorded(path + suffix))
        assert owner == (replace(FOO, version=None) if suffix else FOO), length
        assert owners(path.replace(b"d/", b"e/")).of(recorded(path + suffix)) is None


def test_a_cut_name_that_may_be_of_two_packages_is_of_none() -> None:
    begin, end = b"/opt/" + b"a" * 60, b"/" + b"z" * 130
    files = {begin + b"1" + end: FOO, begin + b"2" + end: replace(FOO, package=b"other")}
    assert Owners(files).of(recorded(begin + b"1" + end)) is None
    assert Owners(dict.fromkeys(files, FOO)).of(recorded(begin + b"1" + end)) == FOO


def test_memory_without_a_file_is_the_programs() -> None:
    known = owners(b"/usr/bin/sensord")
    for name in (
        b"[heap]",
        b"[anon]",
        b"[anon:jemalloc]",
        b"[stack]",
        b"/memfd:x (deleted)",
        b"/SYSV00000000 (deleted)",
    ):
        assert known.of_mapping(name, b"/usr/bin/sensord") == FOO
        assert known.of_mapping(name, None) is None
    for name in (b"[others]", b"[vdso]", b"/dev/shm/x"):
        assert known.of_mapping(name, b"/usr/bin/sensord") is None


def test_the_file_that_a_process_runs_is_of_an_interpreter_its_script() -> None:
    def process(name: bytes, command: bytes) -> Process:
        return Process(b"1@1", [name], {"exe": b"/usr/bin/" + name, "cmdline": command})

    assert file_of(process(b"sensord", b"sensord /etc/x")) == b"/usr/bin/sensord"
    assert file_of(process(b"python3.11", b"python3 -u /usr/bin/sensor.py /x")) == b"/usr/bin/sensor.py"
    assert file_of(process(b"python3", b"python3 -m http.server")) is None
    assert file_of(process(b"sh", b"sh run.sh /x")) is None
    assert file_of(process(b"sh", b"-sh")) is None
    assert file_of(Process(b"1@1", [b"sensord"])) is None


def test_files_of_one_list_and_versions_of_another_come_together() -> None:
    files = Listing([(b"/usr/lib/libfoo.so", b"libfoo")], {b"libfoo": Package(recipe=b"foo")})
    manifest = Listing(packages={b"libfoo": Package(b"1.4.2", b"MIT")})
    owner = join([("files", files), ("manifest", manifest)]).of(b"/usr/lib/libfoo.so")
    assert owner == Owner(b"libfoo", b"1.4.2", b"MIT", "files", b"foo")


def test_of_several_that_claim_a_file_the_one_in_the_image_has_it_then_the_last() -> None:
    both = [(b"/bin/ls", b"busybox"), (b"/bin/ls", b"coreutils")]
    listing = Listing(both)
    of_one = join([("a", listing)]).of(b"/bin/ls")
    assert of_one is not None and of_one.package == b"coreutils"
    image = Listing(packages={b"busybox": Package(b"1.37")})
    of_image = join([("a", listing), ("image", image)]).of(b"/bin/ls")
    assert of_image is not None and of_image.package == b"busybox"
    other = join([("b", Listing([(b"/bin/ls", b"toybox")])), ("a", listing)]).of(b"/bin/ls")
    assert other is not None and (other.package, other.source) == (b"toybox", "b")


def test_a_folder_that_is_a_link_on_the_device() -> None:
    listing = Listing([(b"/opt/app/lib/libfoo.so", b"libfoo")])
    known = join([("a", listing)], {b"/opt/app/lib": b"/data/app-1/lib"})
    assert known.of(b"/data/app-1/lib/libfoo.so") == known.of(b"/opt/app/lib/libfoo.so") is not None


def test_mappings_of_a_recording_get_their_owners(tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    STORIES["names_from_an_adversary"](path)
    (recording,) = load(str(path))
    lives = [growth.worst for growth in gather(recording).growth]
    assign(recording, lives, owners(b"/tmp/\x1b[2J.so"))
    places = [place for life in lives if life.where is not None for place in life.where.places]
    assert {place.name for place in places if place.owner == FOO} == {b"/tmp/\x1b[2J.so"}
    assert all(place.owner is None for place in places if place.name != b"/tmp/\x1b[2J.so")


def test_a_package_in_words() -> None:
    assert package(FOO, visible) == "libfoo 1.4.2"
    assert package(BAR, visible) == "bar"
    assert package(replace(FOO, package=b"libfoo1\x1b", recipe=b"libfoo"), visible) == r"libfoo1\x1b 1.4.2 (of libfoo)"

"""--sysroot and --packages: lists found in files of any name, in folders and beside them, or one clear line."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import shutil
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from lastgasp.analysis.ownership.owner import Owner, Owners
from lastgasp.cli.main import main
from lastgasp.cli.ownership import add_options, owners
from lastgasp.cli.package_lists import OwnershipError
from packagelists import APK, IMAGE, LICENCES, MANIFEST, OLD_PACKAGE_DATA, OPKG, PACKAGE_DATA, REAL
from scene import Scene

FOO = b"/usr/lib/libfoo.so.1.4.2"


def asked(*arguments: str) -> Owners | None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return owners(parser.parse_args(list(arguments)))


def owner(path: bytes, *arguments: str) -> Owner | None:
    found = asked(*arguments)
    assert found is not None
    return found.of(path)


def refused(*arguments: str) -> str:
    with pytest.raises(OwnershipError) as caught:
        asked(*arguments)
    said = str(caught.value)
    assert "\n" not in said
    return said


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, raw in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return root


def buildroot(root: Path) -> Path:
    """An output folder; staging is a link, as Buildroot makes it."""
    tree(
        root,
        {
            "build/packages-file-list.txt": b"busybox,./bin/busybox\nlibfoo,./usr/lib/libfoo.so.1.4.2\n",
            "build/busybox-1.37.0/.files-list.txt": b"busybox,./bin/busybox\n",
            "build/libfoo-1.4.2/.files-list.txt": b"libfoo,./usr/lib/libfoo.so.1.4.2\n",
            "build/libfoo-doc-9/.files-list.txt": b"",
            "host/arm-buildroot-linux-gnueabihf/sysroot/usr/lib/libfoo.so": b"",
            "target/bin/busybox": b"",
        },
    )
    (root / "staging").symlink_to("host/arm-buildroot-linux-gnueabihf/sysroot")
    return root


def data_base(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "rpmdb.sqlite"
    path.write_bytes(gzip.decompress((REAL / "rpm" / "rpmdb.sqlite.gz").read_bytes()))
    return path


def test_without_the_options_nobody_is_asked() -> None:
    assert asked() is None


@pytest.mark.parametrize("sysroot", ["staging", "target", "host/arm-buildroot-linux-gnueabihf/sysroot", "."])
def test_buildroots_folders_lead_to_the_list_beside_them(sysroot: str, tmp_path: Path) -> None:
    output = buildroot(tmp_path / "output")
    found = owner(FOO, "--sysroot", str(output / sysroot))
    assert found is not None
    assert (found.package, found.version, found.licence) == (b"libfoo", b"1.4.2", None)


def test_buildroots_list_takes_versions_from_what_is_beside_it(tmp_path: Path) -> None:
    output = buildroot(tmp_path / "output")
    path = str(output / "build" / "packages-file-list.txt")
    assert owner(FOO, "--packages", path) == Owner(b"libfoo", b"1.4.2", None, path)
    tree(output, {"legal-info/manifest.csv": MANIFEST})
    assert owner(b"/usr/bin/busybox", "--packages", path) == Owner(b"busybox", b"1.37.0", b"GPL-2.0, bzip2-1.0.4", path)


def test_lists_that_were_copied_elsewhere_under_other_names(tmp_path: Path) -> None:
    tree(tmp_path, {"a": b"busybox,./bin/busybox\n", "b": MANIFEST})
    found = owner(b"/bin/busybox", "--packages", str(tmp_path / "a"), str(tmp_path / "b"))
    assert found == Owner(b"busybox", b"1.37.0", b"GPL-2.0, bzip2-1.0.4", str(tmp_path / "a"))
    found = owner(b"/bin/busybox", "--packages", str(tmp_path / "a"))
    assert found == Owner(b"busybox", None, None, str(tmp_path / "a"))
    info = str(REAL / "buildroot" / "show-info.json")
    found = owner(b"/bin/busybox", "--packages", str(tmp_path / "a"), info)
    assert found is not None and found.version == b"1.37.0"


@pytest.mark.parametrize("named", [".", "runtime"])
def test_yoctos_folder(named: str, tmp_path: Path) -> None:
    files = {"runtime/libfoo": PACKAGE_DATA, "runtime/libfoo.packaged": b"", "runtime/sensord": OLD_PACKAGE_DATA}
    path = str(tree(tmp_path / "pkgdata", files) / named)
    found = owner(FOO, "--packages", path)
    assert found is not None
    assert (found.package, found.version, found.recipe) == (b"libfoo1", b"1.4.2", b"foo")
    found = owner(b"/usr/bin/sensord", "--packages", path)
    assert found is not None and found.package == b"sensord"


def test_one_package_of_yocto_and_the_manifests(tmp_path: Path) -> None:
    tree(tmp_path, {"libfoo": PACKAGE_DATA.replace(b"LICENSE", b"X"), "licences": LICENCES, "image": IMAGE})
    names = [str(tmp_path / name) for name in ("libfoo", "licences", "image")]
    found = owner(FOO, "--packages", *names)
    assert found is not None and (found.package, found.version) == (b"libfoo1", b"1.4.2")


def test_a_real_dpkg(tmp_path: Path) -> None:
    shutil.copytree(REAL / "dpkg", tmp_path / "var" / "lib" / "dpkg")
    libc = b"/usr/lib/x86_64-linux-gnu/libc.so.6"  # as the kernel calls it; the list has /lib/…
    status = str(tmp_path / "var" / "lib" / "dpkg" / "status")
    expected = Owner(b"libc6", b"2.36-9+deb12u14", None, status, b"glibc")
    assert owner(libc, "--sysroot", str(tmp_path)) == expected
    assert owner(libc, "--packages", str(tmp_path)) == expected
    assert owner(libc, "--packages", str(tmp_path / "var" / "lib" / "dpkg")) == expected
    assert owner(libc, "--packages", status) == expected


def test_distroless(tmp_path: Path) -> None:
    tree(
        tmp_path / "var/lib/dpkg/status.d",
        {
            "libssl3": b"Package: libssl3\nSource: openssl\nVersion: 3.0.15-1\n",
            "libssl3.md5sums": b"0123456789abcdef0123456789abcdef  usr/lib/libssl.so.3\n",
        },
    )
    found = owner(b"/usr/lib/libssl.so.3", "--sysroot", str(tmp_path))
    assert found is not None
    assert (found.package, found.version, found.recipe) == (b"libssl3", b"3.0.15-1", b"openssl")


@pytest.mark.parametrize("place", ["usr/lib/opkg", "var/lib/opkg"])
def test_opkg(place: str, tmp_path: Path) -> None:
    tree(
        tmp_path / place,
        {
            "status": OPKG,
            "info/libfoo1.list": FOO + b"\t0100755\n",
            "info/libfoo1.control": b"Package: libfoo1\nVersion: 1.4.2-r0\nLicense: MIT\n",
            "info/old.list": b"/usr/lib/old.so\n",
        },
    )
    status = str(tmp_path / place / "status")
    assert owner(FOO, "--sysroot", str(tmp_path)) == Owner(b"libfoo1", b"1.4.2-r0", b"MIT", status)
    assert owner(b"/usr/lib/old.so", "--packages", status) is None


@pytest.mark.parametrize("place", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_a_real_rpm_data_base_is_read_and_nothing_is_written_beside_it(place: str, tmp_path: Path) -> None:
    path = data_base(tmp_path / place)
    expected = Owner(b"libfoo", b"1.4.2-3", b"MIT AND BSD-3-Clause", str(path), b"libfoo")
    assert owner(FOO, "--sysroot", str(tmp_path)) == expected
    assert owner(FOO, "--packages", str(path)) == expected
    assert [entry.name for entry in path.parent.iterdir()] == ["rpmdb.sqlite"]


def test_rpms_own_text() -> None:
    found = owner(FOO, "--packages", str(REAL / "rpm" / "rpms.txt"))
    assert found is not None and found.version == b"1.4.2-3"


def test_apk(tmp_path: Path) -> None:
    tree(tmp_path, {"lib/apk/db/installed": APK})
    found = owner(FOO, "--sysroot", str(tmp_path))
    assert found is not None and (found.package, found.version) == (b"libfoo", b"1.4.2-r3")


def test_a_leak_is_told_with_the_package_of_its_library_or_of_its_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene(tmp_path / "ring.lgr", interval_s=5).boot()
    scene.run(200, b"sensord", lambda t: 900 + 20 * t, mapping=FOO)
    scene.run(201, b"busybox", lambda t: 900 + 10 * t, exe=b"/bin/busybox")
    scene.record(900, mappings_every=60).flush()
    output = buildroot(tmp_path / "output")
    arguments = ["leaks", str(tmp_path / "ring.lgr"), "--sysroot", str(output / "staging")]
    assert main(arguments) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "libfoo.so.1.4.2 100 % of libfoo 1.4.2" in page
    assert "[heap] 100 % of busybox 1.37.0" in page
    assert "at who calls it: upgrade or fix libfoo 1.4.2." in page
    assert main([*arguments, "--json"]) == 0
    places = [growth["worst"]["where"]["places"][0] for growth in leaks(capsys.readouterr().out)]
    assert [place["owner"]["package"] for place in places] == ["libfoo", "busybox"]
    assert places[0]["owner"]["version"] == "1.4.2"
    assert main([*arguments, "--packages", str(tmp_path / "ring.lgr")]) == 1
    done = capsys.readouterr()
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert "a recording, no list of packages" in done.err
    assert main(["leaks", str(tmp_path / "ring.lgr")]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "upgrade or fix" not in page
    assert "--sysroot or --packages tells which package and version it is." in page


def test_of_a_heap_the_program_is_named_and_not_its_allocator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene(tmp_path / "ring.lgr", interval_s=5).boot()
    scene.run(201, b"busybox", lambda t: 900 + 10 * t, exe=b"/bin/busybox")
    scene.record(900, mappings_every=60).flush()
    output = buildroot(tmp_path / "output")
    assert main(["leaks", str(tmp_path / "ring.lgr"), "--sysroot", str(output / "staging")]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "look at what busybox (busybox 1.37.0, or a library that it loads) allocates" in page
    assert "upgrade or fix" not in page


def leaks(text: str) -> list[dict[str, Any]]:
    (recording,) = json.loads(text)["recordings"]
    found: list[dict[str, Any]] = recording["leaks"]
    return found


def test_links_of_the_sysroot_are_followed_within_it(tmp_path: Path) -> None:
    tree(tmp_path, {"list": b"app,./opt/app/lib/libfoo.so\napp,./loop/x\n", "root/data/app-1/lib/libfoo.so": b""})
    (tmp_path / "root" / "opt").mkdir()
    (tmp_path / "root" / "opt" / "app").symlink_to("/data/app-1")
    (tmp_path / "root" / "loop").symlink_to("loop")
    arguments = ("--packages", str(tmp_path / "list"), "--sysroot", str(tmp_path / "root"))
    found = owner(b"/data/app-1/lib/libfoo.so", *arguments)
    assert found is not None and found.package == b"app"
    assert owner(b"/opt/app/lib/libfoo.so", *arguments) == found


def test_a_list_that_is_named_goes_before_one_that_is_found(tmp_path: Path) -> None:
    output = buildroot(tmp_path / "output")
    tree(tmp_path, {"mine": b"other,./usr/lib/libfoo.so.1.4.2\n"})
    found = owner(FOO, "--sysroot", str(output / "staging"), "--packages", str(tmp_path / "mine"))
    assert found is not None and found.package == b"other"
    found = owner(b"/bin/busybox", "--sysroot", str(output / "staging"), "--packages", str(tmp_path / "mine"))
    assert found is not None and found.package == b"busybox"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty, no list of packages; it takes Buildroot's packages-file-list.txt"),
        (b"\n\n", "empty, no list"),
        (b"lastgasp\x01\0\0", "a recording, no list of packages"),
        (b"#!/bin/sh\n", "no list of packages"),
        (b"\x7fELF\x02\x01", "no list of packages"),
        (b'{"recordings": []}', "no list of packages"),
        (b"host-skeleton,./lib64\n", "lists what runs on the build machine; the device's is packages-file-list.txt"),
        (b"SQLite format 3\0", "no data base of rpm, or a damaged one"),
        (
            b"\0" * 12 + b"\x61\x15\x06\0" + b"\0" * 99,
            "an rpm data base that only rpm can read; give its text: rpm --root",
        ),
        (b"RpmP\0\0\0\0" + b"\0" * 99, "an rpm data base that only rpm can read"),
        (MANIFEST, "names packages but none of their files; name a list of these as well"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(raw: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(raw)
    assert refused("--packages", str(path)).startswith(f"{path}: {why}")


def test_a_damaged_data_base_is_one_line(tmp_path: Path) -> None:
    path = data_base(tmp_path / "rpm")
    raw = path.read_bytes()
    for size in (100, 4096, 5000, len(raw) // 2):
        path.write_bytes(raw[:size])
        assert "a damaged one" in refused("--packages", str(path))


def test_folders_without_a_list(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    path = str(tmp_path / "root")
    assert refused("--sysroot", path) == f"{path}: no list of packages in it or beside it; name one with --packages"
    assert refused("--packages", path).startswith(f"{path}: no list of packages in this folder; it takes")
    assert "not a folder; --sysroot takes the root" in refused("--sysroot", str(REAL / "README.md"))
    with pytest.raises(FileNotFoundError):
        asked("--sysroot", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        asked("--packages", str(tmp_path / "none"))


def test_packages_takes_several_and_may_stand_several_times() -> None:
    with redirect_stderr(io.StringIO()), pytest.raises(SystemExit):
        asked("--packages")
    rpms, info = str(REAL / "rpm" / "rpms.txt"), str(REAL / "buildroot" / "packages-file-list.txt")
    for arguments in (("--packages", rpms, info), ("--packages", rpms, "--packages", info)):
        assert owner(FOO, *arguments) is not None
        assert owner(b"/etc/profile", *arguments) is not None


def test_a_data_base_whose_schema_is_no_text_is_one_line(tmp_path: Path) -> None:
    """The message of SQLite then is no text either."""
    path = data_base(tmp_path / "rpm")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"TABLE 'Providename'", b"TABLE\xfe'Providename'"))
    assert "no data base of rpm, or a damaged one" in refused("--packages", str(path))


def test_damaged_files_of_every_kind_are_read_or_refused(tmp_path: Path) -> None:
    path = data_base(tmp_path / "rpm")
    whole = path.read_bytes()
    listings = [APK, IMAGE, LICENCES, MANIFEST, OLD_PACKAGE_DATA, OPKG, PACKAGE_DATA]
    listings += [file.read_bytes() for file in REAL.rglob("*") if file.suffix in (".txt", ".json", ".list")]
    outcomes = set()
    for seed in range(300):
        chance = random.Random(seed)
        if seed % 3:
            raw = bytearray(chance.choice(listings))
            for _ in range(chance.randrange(1, 20)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        else:
            raw = bytearray(whole)
            for _ in range(chance.randrange(1, 60)):
                raw[chance.randrange(chance.choice((100, 4096, len(raw))))] = chance.randrange(256)
        path.write_bytes(raw)
        try:
            found = asked("--packages", str(path))
        except OwnershipError as error:
            outcomes.add(False)
            assert str(error).startswith(f"{path}: "), f"seed {seed}"
        else:
            outcomes.add(True)
            assert found is not None and all(name.startswith(b"/") for name in found.files), f"seed {seed}"
    assert outcomes == {True, False}

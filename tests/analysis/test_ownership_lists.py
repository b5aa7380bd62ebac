"""Every format of package lists, read: real ones where there are any, else as the tools' sources write them."""

from __future__ import annotations

import gzip
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgasp.analysis.ownership import apk, buildroot, control, rpm, yocto
from lastgasp.analysis.ownership.listing import Listing, Package
from packagelists import APK, IMAGE, LICENCES, MANIFEST, OLD_PACKAGE_DATA, OPKG, PACKAGE_DATA, REAL


def test_the_files_that_a_real_buildroot_lists() -> None:
    raw = (REAL / "buildroot" / "packages-file-list.txt").read_bytes()
    assert buildroot.is_file_list(raw[:100])
    found = buildroot.file_list(raw)
    assert len(found.files) == raw.count(b"\n") == 26
    assert (b"/etc/profile", b"skeleton-init-common") in found.files
    assert (b"/var/lib/misc", b"skeleton-init-sysv") in found.files


def test_what_runs_on_the_build_machine_is_no_part_of_the_device() -> None:
    raw = (REAL / "buildroot" / "packages-file-list-host.txt").read_bytes()
    assert buildroot.is_file_list(raw)
    assert not buildroot.file_list(raw)


def test_a_path_may_have_commas_and_bytes_that_are_no_text() -> None:
    found = buildroot.file_list(b"odd,./usr/a,b/\xff \xe4,c\r\nodd\n,./x\nodd,relative\n")
    assert found.files == [(b"/usr/a,b/\xff \xe4,c", b"odd")]


def test_what_a_real_make_show_info_prints() -> None:
    found = buildroot.info((REAL / "buildroot" / "show-info.json").read_bytes())
    assert found is not None
    assert found.packages[b"busybox"] == Package(b"1.37.0", b"GPL-2.0, bzip2-1.0.4")
    assert found.packages[b"toolchain"] == Package()  # virtual: it has neither
    assert set(found.packages) == {b"busybox", b"glibc", b"skeleton-init-sysv", b"skeleton-init-common", b"toolchain"}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"a": 1}', b'{"a": {"type": "target"}}', b"[" * 100_000])
def test_another_json_is_none_of_buildroot(raw: bytes) -> None:
    assert buildroot.info(raw) is None


def test_buildroots_manifest_is_read_by_its_titles() -> None:
    assert buildroot.is_manifest(MANIFEST[:60])
    found = buildroot.manifest(MANIFEST)
    assert found.packages == {
        b"busybox": Package(b"1.37.0", b"GPL-2.0, bzip2-1.0.4"),
        b"sensord": Package(b"feature/new", None),
    }
    assert not buildroot.manifest(b'"PACKAGE","VERSION","COST"\n"a","1","2"\n')


def test_a_build_folder_tells_the_version() -> None:
    assert buildroot.version_of_folder(b"libfoo-extra-1.0-rc1", b"libfoo-extra") == b"1.0-rc1"
    assert buildroot.version_of_folder(b"skeleton", b"skeleton") is None
    assert buildroot.version_of_folder(b"linux-6.1", b"libfoo") is None


def test_yoctos_data_of_a_package() -> None:
    assert yocto.is_package_data(PACKAGE_DATA)
    found = yocto.package_data(PACKAGE_DATA)
    assert found.packages == {b"libfoo1": Package(b"1.4.2", b"MIT & BSD-3-Clause", b"foo")}
    paths = [b"/usr/lib/libfoo.so.1", b"/usr/lib/libfoo.so.1.4.2", b"/usr/share/\xff\xc3\xa4"]
    assert found.files == [(path, b"libfoo1") for path in paths]


def test_yoctos_data_of_a_package_before_3_4() -> None:
    assert yocto.is_package_data(OLD_PACKAGE_DATA)
    found = yocto.package_data(OLD_PACKAGE_DATA)
    assert found.packages == {b"sensord": Package(b"2.1+git0+abcdef", b"CLOSED", b"sensord")}
    assert found.files == [(b"/usr/bin/sensord", b"sensord")]


def test_yoctos_manifests() -> None:
    assert yocto.is_licence_manifest(LICENCES)
    assert yocto.licence_manifest(LICENCES).packages == {
        b"busybox": Package(b"1.36.1", b"GPL-2.0-only & bzip2-1.0.4", b"busybox"),
        b"libfoo": Package(b"1.4.2", b"MIT & BSD-3-Clause", b"foo"),
    }
    assert yocto.is_image_manifest(IMAGE)
    assert yocto.image_manifest(IMAGE).packages == {
        b"base-files": Package(b"3.0.14"),
        b"libfoo1": Package(b"1.4.2"),
        b"sensord": Package(b"2.1+git0"),
    }


def test_a_real_dpkg_status() -> None:
    raw = (REAL / "dpkg" / "status").read_bytes()
    assert control.is_status(raw)
    found = control.status(raw)
    assert found.packages[b"libc6"] == Package(b"2.36-9+deb12u14", None, b"glibc")
    assert found.packages[b"dash"] == Package(b"0.5.12-2")
    assert control.list_package(b"libc6:amd64") == b"libc6"


def test_a_real_dpkg_list_of_files() -> None:
    raw = (REAL / "dpkg" / "info" / "libc6:amd64.list").read_bytes()
    files = [path for path, _ in control.file_list(raw, b"libc6").files]
    assert b"/lib/x86_64-linux-gnu/libc.so.6" in files
    assert b"/." not in files


def test_what_is_removed_owns_nothing() -> None:
    assert control.status(OPKG).packages == {b"libfoo1": Package(b"1.4.2-r0")}


def test_opkg_writes_mode_and_target_behind_a_path() -> None:
    raw = b"/usr/lib/libfoo.so.1\t0120777\tlibfoo.so.1.4.2\n/usr/lib/libfoo.so.1.4.2\t0100755\n/etc/foo.conf\n"
    files = [path for path, _ in control.file_list(raw, b"libfoo1").files]
    assert files == [b"/usr/lib/libfoo.so.1", b"/usr/lib/libfoo.so.1.4.2", b"/etc/foo.conf"]


def test_distroless_has_sums_instead_of_lists() -> None:
    raw = b"0123456789abcdef0123456789abcdef  usr/lib/libssl.so.3\nno sum\n"
    assert control.sums(raw, b"libssl3").files == [(b"/usr/lib/libssl.so.3", b"libssl3")]


def test_apks_data_base() -> None:
    assert apk.is_installed(APK)
    found = apk.installed(APK)
    assert found.packages == {
        b"musl": Package(b"1.2.5-r1", b"MIT", b"musl"),
        b"libfoo": Package(b"1.4.2-r3"),
    }
    assert found.files == [
        (b"/lib/ld-musl-aarch64.so.1", b"musl"),
        (b"/lib/libc.musl-aarch64.so.1", b"musl"),
        (b"/usr/lib/libfoo.so.1.4.2", b"libfoo"),
        (b"/.top", b"libfoo"),
    ]


def headers(folder: Path) -> list[bytes]:
    """Of the packages in the real data base."""
    path = folder / "rpmdb.sqlite"
    path.write_bytes(gzip.decompress((REAL / "rpm" / "rpmdb.sqlite.gz").read_bytes()))
    connection = sqlite3.connect(path)
    try:
        return [blob for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum")]
    finally:
        connection.close()


def test_real_rpm_headers_and_rpms_own_text_say_the_same(tmp_path: Path) -> None:
    found = Listing()
    for blob in headers(tmp_path):
        found.add(rpm.header(blob))
    raw = (REAL / "rpm" / "rpms.txt").read_bytes()
    assert rpm.is_text(raw)
    printed = rpm.text(raw)
    assert sorted(found.files) == sorted(printed.files)
    assert (b"/usr/share/a b/c d", b"sensord") in found.files
    assert {name: package.version for name, package in found.packages.items()} == {
        name: package.version for name, package in printed.packages.items()
    }
    assert found.packages[b"libfoo"] == Package(b"1.4.2-3", b"MIT AND BSD-3-Clause", b"libfoo")
    assert found.packages[b"sensord"] == Package(b"1.4.2-3", b"GPL-2.0-only", b"libfoo")


PARSERS: dict[str, tuple[Callable[[bytes], Listing | None], bytes]] = {
    "file_list": (buildroot.file_list, (REAL / "buildroot" / "packages-file-list.txt").read_bytes()),
    "manifest": (buildroot.manifest, MANIFEST),
    "info": (buildroot.info, (REAL / "buildroot" / "show-info.json").read_bytes()),
    "package_data": (yocto.package_data, PACKAGE_DATA),
    "licence_manifest": (yocto.licence_manifest, LICENCES),
    "image_manifest": (yocto.image_manifest, IMAGE),
    "status": (control.status, (REAL / "dpkg" / "status").read_bytes()),
    "apk": (apk.installed, APK),
    "rpm_text": (rpm.text, (REAL / "rpm" / "rpms.txt").read_bytes()),
}


PIECES = (b"\0", b"\n\n", b": ", b'"', b"\\", b"\\u", b"\\ud800", b"\xff" * 9, b"," * 5, b"\r")


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """Cut, bytes changed, pieces moved."""
    piece = bytearray(raw)
    for _ in range(chance.randrange(1, 20)):
        at = chance.randrange(len(piece) or 1)
        kind = chance.randrange(4)
        if kind == 0:
            piece[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del piece[at : at + chance.randrange(1, 40)]
        elif kind == 2:
            piece[at:at] = piece[chance.randrange(len(piece) or 1) :][: chance.randrange(40)]
        else:
            piece[at:at] = chance.choice(
                (b"\0", b"\n\n", b": ", b'"', b"\\u", b"\\ud800", b"\xff" * 9, b"," * 5, b"\r")
            )
    return bytes(piece)


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_damage_costs_what_is_damaged_and_never_raises(name: str) -> None:
    parse, raw = PARSERS[name]
    for seed in range(400):
        found = parse(damaged(raw, random.Random(seed)))
        for path, package in found.files if found else ():
            assert path.startswith(b"/") and package, f"seed {seed}"


def test_a_damaged_rpm_header_never_raises(tmp_path: Path) -> None:
    blobs = headers(tmp_path)
    whole = {tuple(rpm.header(blob).files) for blob in blobs}
    assert all(whole)
    for seed in range(1000):
        chance = random.Random(seed)
        for path, package in rpm.header(damaged(chance.choice(blobs), chance)).files:
            assert path.startswith(b"/") and package, f"seed {seed}"
    for blob in blobs:
        for size in range(len(blob)):
            rpm.header(blob[:size])

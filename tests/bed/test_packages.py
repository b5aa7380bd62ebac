"""Debian packages: whose mirror, which packages, and what happens when apt refuses. apt itself is a script here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bed.errors import BedError, Unavailable
from bed.packages import KEYRING, Archive, host_sources, mirror


@pytest.fixture(autouse=True)
def no_mirror_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LASTGASP_MIRROR", raising=False)


def etc_apt(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


class TestHostSources:
    def test_lines_with_and_without_options(self, tmp_path: Path) -> None:
        apt = etc_apt(
            tmp_path,
            "sources.list",
            "# deb http://commented.example bookworm main\n"
            "deb http://plain.example/debian bookworm main contrib\n"
            "deb-src http://source.example bookworm main\n"
            "deb [arch=amd64 signed-by=/keys/a.gpg] http://signed.example trixie main\n",
        )
        assert list(host_sources(apt)) == [
            ("http://plain.example/debian", "bookworm", ""),
            ("http://signed.example", "trixie", "/keys/a.gpg"),
        ]

    def test_stanzas(self, tmp_path: Path) -> None:
        apt = etc_apt(
            tmp_path,
            "sources.list.d/debian.sources",
            "Types: deb deb-src\n# URIs: http://commented.example\n"
            "URIs: http://one.example http://two.example\nSuites: bookworm bookworm-updates\n"
            "Signed-By: /keys/b.gpg\n\n\nTypes: deb-src\nURIs: http://source.example\nSuites: bookworm\n",
        )
        assert list(host_sources(apt)) == [
            ("http://one.example", "bookworm bookworm-updates", "/keys/b.gpg"),
            ("http://two.example", "bookworm bookworm-updates", "/keys/b.gpg"),
        ]

    def test_a_key_that_is_written_out_is_no_file(self, tmp_path: Path) -> None:
        text = "Types: deb\nURIs: http://one.example\nSuites: sid\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        assert list(host_sources(etc_apt(tmp_path, "sources.list.d/a.sources", text))) == [
            ("http://one.example", "sid", "")
        ]

    def test_none_at_all(self, tmp_path: Path) -> None:
        assert list(host_sources(tmp_path)) == []


class TestMirror:
    def test_the_first_that_has_a_suite_of_debian(self, tmp_path: Path) -> None:
        apt = etc_apt(
            tmp_path,
            "sources.list",
            "deb http://vendor.example/tools stable-tools main\n"
            "deb cdrom:[Debian] bookworm main\n"
            "deb http://debian.example bookworm-backports main\n"
            "deb http://later.example trixie main\n",
        )
        assert mirror(apt) == ("http://debian.example", KEYRING)

    def test_the_user_may_name_another(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LASTGASP_MIRROR", "http://mine.example")
        assert mirror(tmp_path) == ("http://mine.example", KEYRING)

    def test_without_one_the_user_is_told_what_to_set(self, tmp_path: Path) -> None:
        with pytest.raises(BedError, match="LASTGASP_MIRROR"):
            mirror(tmp_path)


APT_GET = """\
#!/bin/sh
echo "apt-get $*" >> "$LOG"
shift 3
case $1 in
update) [ -z "$REFUSED" ] || { echo "W: slow" >&2; echo "E: $REFUSED" >&2; exit 100; } ;;
download) shift; for name; do [ "$name" = "$ABSENT" ] || echo "$name" > "${name}_1.0_all.deb"; done ;;
esac
"""
# The kernel's package depends on parts in chains, and on what is no kernel.
APT_CACHE = """\
#!/bin/sh
echo "apt-cache $*" >> "$LOG"
for name; do :; done
case $name in
linux-image-old) echo "  Depends: linux-image-6.1.0-50-armmp" ;;
linux-image-new) echo "  Depends: linux-image-7.2.13+deb14-armmp" ;;
linux-image-7.2*) printf '  Depends: linux-%s-7.2.13+deb14-armmp\\n' binary modules ;;
linux-modules-7.2*) printf '  Depends: linux-%s-7.2.13+deb14-armmp\\n' base binary ;;
linux-image-6.1*) printf '  Depends: kmod\\n |Depends: linux-initramfs-tool\\n  Depends: linux-base\\n' ;;
esac
"""
DPKG_DEB = '#!/bin/sh\nmkdir "$3"; cat "$2" > "$3/content"\n'


class Apt:
    """Programs of apt's names in front of the path, and what was asked of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "log"
        self.log.touch()
        programs = folder / "programs"
        programs.mkdir()
        for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("dpkg-deb", DPKG_DEB)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setenv("LOG", str(self.log))
        monkeypatch.setenv("LASTGASP_MIRROR", "http://mirror.example/debian")

    def asked(self) -> list[str]:
        return [line.split("-qq ")[1] for line in self.log.read_text().splitlines()]


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    return Apt(tmp_path, monkeypatch)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "bed", "bookworm", "armhf")


class TestArchive:
    def test_packages_are_fetched_once_and_together(self, apt: Apt, archive: Archive) -> None:
        first, second = archive.packages(["busybox-static", "libc6"])
        assert (first / "content").read_text() == "busybox-static\n"
        assert archive.package("libc6") == second
        assert apt.asked() == ["update --error-on=any", "download busybox-static libc6"]

    def test_the_hosts_own_apt_is_left_alone(self, apt: Apt, archive: Archive) -> None:
        archive.package("libc6")
        text = (archive.folder / "apt/apt.conf").read_text()
        assert 'APT::Architecture "armhf";' in text
        for name in ("lists", "cache", "status"):
            assert f'"{archive.folder}/apt/{name}"' in text
        sources = (archive.folder / "apt/sources.list").read_text()
        assert sources == f"deb [signed-by={KEYRING}] http://mirror.example/debian bookworm main\n"
        assert all(line.startswith(("apt-get -c ", "apt-cache -c ")) for line in apt.log.read_text().splitlines())

    def test_what_does_not_come_leaves_nothing_behind(
        self, apt: Apt, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ABSENT", "libc6")
        with pytest.raises(BedError, match="no libc6 for bookworm armhf"):
            archive.package("libc6")
        assert not (archive.folder / "libc6").exists()
        monkeypatch.delenv("ABSENT")
        assert (archive.package("libc6") / "content").exists()

    def test_the_first_error_of_apt_is_the_reason(
        self, apt: Apt, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REFUSED", "no such suite")
        with pytest.raises(BedError, match=r"apt-get update for bookworm armhf failed: no such suite$"):
            archive.package("libc6")
        monkeypatch.delenv("REFUSED")
        archive.package("libc6")
        assert apt.asked().count("update --error-on=any") == 2, "an update that failed is tried again"

    @pytest.mark.parametrize(
        ("reason", "unavailable"),
        [
            ("Temporary failure resolving 'mirror.example'", True),
            ("The repository does not have a Release file.", True),
            ("Unable to locate package libc6", False),
        ],
    )
    def test_a_mirror_that_does_not_serve_is_told_apart_from_a_package_that_there_is_not(
        self, apt: Apt, archive: Archive, monkeypatch: pytest.MonkeyPatch, reason: str, unavailable: bool
    ) -> None:
        monkeypatch.setenv("REFUSED", reason)
        with pytest.raises(BedError) as raised:
            archive.package("libc6")
        assert isinstance(raised.value, Unavailable) == unavailable

    def test_a_kernel_in_one_package(self, apt: Apt, archive: Archive) -> None:
        assert archive.kernel_packages("linux-image-old") == ["linux-image-6.1.0-50-armmp"]

    def test_a_kernel_in_parts(self, apt: Apt, archive: Archive) -> None:
        parts = archive.kernel_packages("linux-image-new")
        assert sorted(parts) == [f"linux-{part}-7.2.13+deb14-armmp" for part in ("base", "binary", "image", "modules")]

    def test_which_kernel_it_is_needs_no_apt_the_second_time(self, apt: Apt, archive: Archive) -> None:
        first = archive.kernel_packages("linux-image-new")
        asked = len(apt.asked())
        assert archive.kernel_packages("linux-image-new") == first
        assert len(apt.asked()) == asked

    def test_a_suite_without_a_kernel(self, apt: Apt, archive: Archive) -> None:
        with pytest.raises(BedError, match="bookworm has no kernel for armhf"):
            archive.kernel_packages("linux-image-none")

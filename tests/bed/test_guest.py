"""The talk with a guest over its serial line. In QEMU's place stands a program with a real shell on that line."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bed import bench, guest, userland
from bed.errors import BedError
from bed.filetree import FileTree
from bed.guest import LINE_LIMIT, Disk, Guest, arguments
from bed.packages import Archive
from bed.targets import BOARDS, KERNELS

# Finds the serial line as QEMU would, says what a guest says when it is up, and gives the line to a shell. The first
# argument is what it says, in pieces between bars; the second, a sed script, what happens to all that the shell says.
# The line stays its own: when it is killed, whatever the shell has started cannot keep the line open.
PRETENDED = r"""
import os, re, subprocess, sys, threading, time
line = int(re.search(r"fd=(\d+)", " ".join(sys.argv))[1])
said, script = sys.argv[1:3]
for piece in said.split("|"):
    os.write(line, piece.encode())
    time.sleep(0.05)
shell = subprocess.Popen("sh 2>&1 | sed -u '%s'" % script if script else "exec sh 2>&1", shell=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def listen():
    while data := os.read(line, 65536):
        os.write(shell.stdin.fileno(), data)
threading.Thread(target=listen, daemon=True).start()
while data := os.read(shell.stdout.fileno(), 65536):
    os.write(line, data)
os._exit(0)
"""
MODULES = ("virtio_mmio", "virtio_net", "virtio_console")
READY = "[    0.1] a word of the kernel\nBED-READY 1.23\n"
Start = Callable[..., Guest]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Guest] = []
    program = tmp_path / "pretended.py"
    program.write_text(PRETENDED)

    def start(said: str = READY, script: str = "", echo: io.BytesIO | None = None, boot: bool = True) -> Guest:
        started.append(Guest([sys.executable, "-I", "-S", str(program), said, script], echo))
        if boot:
            started[-1].boot(20)
        return started[-1]

    yield start
    for each in started:
        each.close()


class TestBoot:
    def test_the_guest_is_up_when_it_says_so(self, start: Start) -> None:
        echo = io.BytesIO()
        up = start(echo=echo)
        assert up.boot_s > 0
        assert echo.getvalue() == READY.encode()

    def test_its_word_may_come_in_pieces(self, start: Start) -> None:
        assert start("noise\nBE|D-REA|DY 1.2|3\n").run("echo here") == (0, "here\n")

    def test_a_guest_that_is_reset_is_up_again(self, start: Start) -> None:
        up = start()
        up.reset("echo BED-READY 2.34")
        assert up.run("echo here") == (0, "here\n")

    def test_too_little_memory(self, start: Start) -> None:
        with pytest.raises(BedError, match="too little memory"):
            start("BED-TRUNCATED\nBED-READY 1\n")

    def test_a_disk_that_cannot_be_mounted(self, start: Start) -> None:
        with pytest.raises(BedError, match=r"cannot mount its disk(.|\n)*bad superblock"):
            start("bad superblock\nBED-NO-DISK data\n")

    def test_a_guest_that_says_nothing(self, start: Start) -> None:
        with pytest.raises(BedError, match=r"no answer for 0 s(.|\n)*Kernel panic - not syncing: VFS"):
            start("Kernel panic - not syncing: VFS\n" + "more\n" * 40, boot=False).boot(0.4)


class TestRun:
    def test_status_and_output(self, start: Start) -> None:
        up = start()
        assert up.run("echo one; echo two; exit 3") == (3, "one\ntwo\n")
        assert up.run("true") == (0, "")

    def test_the_shell_is_the_same_afterwards(self, start: Start) -> None:
        up = start()
        up.run("cd /; exec false")
        assert up.run("echo here")[1] == "here\n"

    def test_output_that_looks_like_its_end_is_not(self, start: Start) -> None:
        assert start().run("echo BED-END 7 0; echo END 1")[1] == "BED-END 7 0\nEND 1\n"

    def test_output_without_a_last_newline(self, start: Start) -> None:
        assert start().run("printf 'no newline'") == (0, "no newline")

    def test_output_is_shown_in_whole_lines_as_it_comes(self, start: Start) -> None:
        shown: list[bytes] = []
        status, output = start().run("for n in 1 2 3; do printf 'line '; sleep 0.05; echo $n; done", 20, shown.append)
        assert b"".join(shown).decode() == output == "line 1\nline 2\nline 3\n"
        assert all(piece.endswith(b"\n") for piece in shown)
        assert status == 0

    def test_a_command_that_does_not_end(self, start: Start) -> None:
        with pytest.raises(BedError, match="no answer for 0 s"):
            start().run("sleep 3", 0.3)

    def test_a_guest_that_ends(self, start: Start) -> None:
        up = start()
        with pytest.raises(BedError, match="it ended"):
            up.run("kill -9 $$", 20)

    def test_a_line_that_the_guest_would_cut(self, start: Start) -> None:
        with pytest.raises(BedError, match="longer than"):
            start().run("true\n: " + "x" * LINE_LIMIT)

    def test_check_tells_what_failed(self, start: Start) -> None:
        up = start()
        assert up.check("echo fine") == "fine\n"
        with pytest.raises(BedError, match=r"exit status 4: echo why; exit 4\n    why"):
            up.check("echo why; exit 4")


class TestPull:
    def test_any_bytes(self, start: Start, tmp_path: Path) -> None:
        data = bytes(range(256)) * 300
        (tmp_path / "file").write_bytes(data)
        assert start().pull(str(tmp_path / "file"), 20) == data

    def test_a_line_of_the_kernel_in_between_is_found_out(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        garbled = start(script=r"s/^H4sI/H4sI[  1.0] oops/")
        with pytest.raises(BedError, match="garbled"):
            garbled.pull(str(tmp_path / "file"), 20)

    def test_so_is_one_that_decodes(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        with pytest.raises(BedError, match="garbled"):
            start(script=r"s/^\([0-9a-f]\{63\}\)[0-9a-f]$/\1x/").pull(str(tmp_path / "file"), 20)


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def everything_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guest, "require", lambda tool, package: f"/bin/{tool}")

    def test_disks_share_one_limit(self, tmp_path: Path) -> None:
        disks = [Disk(tmp_path / "a,b", "root"), Disk(tmp_path / "data", "data")]
        command = arguments(BOARDS["armhf"], Path("/k"), Path("/i"), "64M", disks, 30, "cma=0")
        drives = [word for word in command if word.startswith("if=none")]
        assert len(drives) == 2
        assert all(word.endswith("throttling.iops-total=30,throttling.group=flash") for word in drives)
        assert f"file={tmp_path}/a,,b," in drives[0], "a comma in a path is doubled for QEMU"
        assert "virtio-blk-device,drive=data,serial=data" in command
        assert command[command.index("-append") + 1].endswith(" cma=0")

    def test_without_a_limit_there_is_none(self, tmp_path: Path) -> None:
        command = arguments(BOARDS["arm64"], Path("/k"), Path("/i"), "64M", [Disk(tmp_path, "root")], None, "")
        assert not any("throttling" in word for word in command)
        assert command[0] == "/bin/qemu-system-aarch64"


class TestSetup:
    setup = bench.Setup(BOARDS["armhf"], KERNELS["6.1"])

    def test_a_disk_is_a_size_or_an_image(self, tmp_path: Path) -> None:
        image = tmp_path / "image"
        image.touch()
        assert bench._data_image(str(image), tmp_path) == image
        with pytest.raises(BedError, match=re.escape(f"{tmp_path}/none: neither a size")):
            bench._data_image(f"{tmp_path}/none", tmp_path)

    def test_the_working_folder_is_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LASTGASP_BED", str(tmp_path / "deep/bed"))
        assert bench.working_folder() == tmp_path / "deep/bed"
        assert (tmp_path / "deep/bed").is_dir()

    @pytest.mark.parametrize("changes", [{"iops": 30}, {"root": "small"}])
    def test_what_makes_no_sense_is_refused_before_a_guest_is_started(
        self, changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LASTGASP_BED", str(tmp_path))
        (tmp_path / "kernel/boot").mkdir(parents=True)
        (tmp_path / "kernel/boot/vmlinuz-1").touch()
        monkeypatch.setattr(userland, "root", lambda archive, arch: FileTree())
        setup = replace(self.setup, own_kernel=tmp_path / "kernel", **changes)  # type: ignore[arg-type]
        with pytest.raises(BedError), bench.booted(setup):
            pass
        assert not list(tmp_path.glob("run-*")), "the run's folder is gone"

    def test_more_disks_and_programs_of_packages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tree = FileTree()
        monkeypatch.setattr(guest, "require", lambda tool, package: f"/bin/{tool}")
        monkeypatch.setattr(userland, "root", lambda archive, arch: tree)
        folders = [tmp_path / "tools", tmp_path / "libc6"]
        monkeypatch.setattr(Archive, "packages", lambda archive, names: folders)
        for name in ("kernel/boot/vmlinuz-1", "tools/usr/sbin/attach", "libc6/lib/ld-linux-armhf.so.3", "run/x"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        setup = replace(
            self.setup,
            own_kernel=tmp_path / "kernel",
            disks=[Disk(tmp_path / "image", "medium")],
            programs=[("tools", "usr/sbin/attach")],
        )
        command = bench._prepare(setup, tmp_path, tmp_path / "run")
        assert any(word.endswith(",serial=medium") for word in command)
        assert tree.nodes["usr/sbin/attach"].mode & 0o111
        assert "lib/ld-linux-armhf.so.3" in tree.nodes
        assert b"virtio_blk" in tree.nodes["etc/modules"].data

    def test_a_guest_may_reset_and_may_count_its_instructions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "kernel/boot").mkdir(parents=True)
        (tmp_path / "kernel/boot/vmlinuz-1").touch()
        (tmp_path / "run").mkdir()
        monkeypatch.setattr(guest, "require", lambda tool, package: f"/bin/{tool}")
        monkeypatch.setattr(userland, "root", lambda archive, arch: FileTree())
        setup = replace(self.setup, own_kernel=tmp_path / "kernel")
        plain = bench._prepare(setup, tmp_path, tmp_path / "run")
        changed = bench._prepare(replace(setup, may_reset=True, counted=True), tmp_path, tmp_path / "run")
        assert set(plain) - set(changed) == {"-no-reboot"}
        assert set(changed) - set(plain) == {"-icount", bench.COUNTED}

    def test_a_guest_may_have_a_network_a_shell_apart_and_a_clock_that_hurries(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree = FileTree()
        for name in ("kernel/boot/vmlinuz-1", *(f"kernel/lib/modules/1/kernel/{n}.ko" for n in MODULES)):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "run").mkdir()
        monkeypatch.setattr(guest, "require", lambda tool, package: f"/bin/{tool}")
        monkeypatch.setattr(userland, "root", lambda archive, arch: tree)
        setup = replace(self.setup, own_kernel=tmp_path / "kernel", apart=True, ssh_port=2222, hurried=True)
        command = bench._prepare(replace(setup, utc="2026-11-23T12:00:00"), tmp_path, tmp_path / "run")
        assert "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22" in command, (
            "nobody else sees it, it sees nobody"
        )
        assert command[command.index("-append") + 1].endswith(" bed.line=hvc0")
        assert command[command.index("-icount") + 1] == "shift=1,sleep=off"
        assert command[command.index("-rtc") + 1] == "base=2026-11-23T12:00:00"
        assert set(tree.nodes["etc/modules"].data.decode().split()) == set(MODULES)

"""Reading kernel files: what is refused, what vanishes, and what it costs."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgasp.proc import files

AGENT = Path(__file__).parents[2] / "agent"
PAGE = os.sysconf("SC_PAGE_SIZE")


def run(program: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has ``files`` at hand."""
    head = "import os, resource\nfrom lastgasp.proc import files\n"
    command = [*before, sys.executable, "-S", "-c", head + textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(AGENT)})


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits, and that has more mappings than fit a page of smaps."""
    program = "print(flush=True); input()"
    command = [sys.executable, "-I", "-S", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def lay(folder: Path, content: bytes) -> bytes:
    path = folder / "file"
    path.write_bytes(content)
    return os.fsencode(path)


class TestRead:
    def test_a_file(self, tmp_path: Path) -> None:
        assert files.read(lay(tmp_path, b"one\n"), 64) == b"one\n"

    def test_no_more_than_asked_for(self, tmp_path: Path) -> None:
        assert files.read(lay(tmp_path, b"one\n"), 2) == b"on"

    def test_an_empty_file_is_empty_and_not_absent(self, tmp_path: Path) -> None:
        assert files.read(lay(tmp_path, b""), 64) == b""

    def test_a_path_may_hold_any_bytes(self, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/\x1b[31m\n\xff"
        Path(os.fsdecode(path)).write_bytes(b"x")
        assert files.read(path, 64) == b"x"

    def test_a_pipe_that_nobody_writes_to_does_not_block(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert files.read(os.fsencode(path), 64) == b""


class TestRefusals:
    """Each gives None, and tells why in ``last_errno``."""

    @pytest.fixture(autouse=True)
    def forget(self) -> None:
        files.last_errno = 0

    def check(self, path: bytes, number: int) -> None:
        assert files.read(path, 64) is None
        assert files.last_errno == number
        files.last_errno = 0
        assert files.read_all(path, 64) is None
        assert files.last_errno == number
        files.last_errno = 0
        assert list(files.lines(path)) == []
        assert files.last_errno == number

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        self.check(os.fsencode(tmp_path / "gone"), errno.ENOENT)

    def test_a_folder(self, tmp_path: Path) -> None:
        self.check(os.fsencode(tmp_path), errno.EISDIR)

    def test_a_path_through_a_file(self, tmp_path: Path) -> None:
        self.check(lay(tmp_path, b"") + b"/stat", errno.ENOTDIR)

    def test_a_process_that_is_gone(self) -> None:
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.check(b"/proc/%d/stat" % child.pid, errno.ENOENT)
        assert files.link(b"/proc/%d/exe" % child.pid) is None
        assert files.names(b"/proc/%d/fd" % child.pid) is None

    def test_a_file_that_refuses_to_be_read(self) -> None:
        # pagemap takes multiples of 8 bytes only.
        assert files.read(b"/proc/self/pagemap", 7) is None
        assert files.last_errno == errno.EINVAL

    def test_a_link_that_is_none(self, tmp_path: Path) -> None:
        assert files.link(lay(tmp_path, b"")) is None
        assert files.last_errno == errno.EINVAL

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        assert files.names(lay(tmp_path, b"")) is None
        assert files.last_errno == errno.ENOTDIR

    def test_a_file_that_may_not_be_read(self, tmp_path: Path) -> None:
        path = lay(tmp_path, b"secret\n")
        os.chmod(os.fsdecode(path), 0)
        done = run(f"""
            if os.getuid() == 0:
                os.setuid(65534)
            print(files.read({path!r}, 64), files.last_errno)
            files.last_errno = 0
            print(list(files.lines({path!r})), files.last_errno)
            files.last_errno = 0
            print(files.link(b"/proc/1/exe"), files.last_errno)
            files.last_errno = 0
            print(files.names(b"/proc/1/fd"), files.last_errno)
            """)
        if os.getuid() == 0 or os.stat("/proc/1").st_uid != os.getuid():
            assert done.stdout == "None 13\n[] 13\nNone 13\nNone 13\n", done.stderr
        else:
            assert done.stdout.startswith("None 13\n[] 13\n"), done.stderr

    def test_no_descriptor_to_spare(self, tmp_path: Path) -> None:
        path = lay(tmp_path, b"one\ntwo\n")
        done = run(f"""
            path = {path!r}
            kept = os.open(path, os.O_RDONLY)
            resource.setrlimit(resource.RLIMIT_NOFILE, (kept + 1, kept + 1))
            for call in (
                lambda: files.read(path, 64),
                lambda: files.read_all(path, 64),
                lambda: list(files.lines(path)),
                lambda: files.names(b"/proc/self/fd"),
                lambda: files.link(b"/proc/self/exe") is not None,
                lambda: files.read_fd(kept, 64),
            ):
                files.last_errno = 0
                print(call(), files.last_errno)
            """)
        # A link needs no descriptor, and what is kept open needs none any more.
        assert done.stdout == "None 24\nNone 24\n[] 24\nNone 24\nTrue 0\nb'one\\ntwo\\n' 0\n", done.stderr


class TestVanishing:
    """A process that ends while one of its files is open."""

    def test_its_lines_end_early(self, child: subprocess.Popen[bytes]) -> None:
        reading = files.lines(b"/proc/%d/smaps" % child.pid)
        assert b"-" in next(reading)
        child.kill()
        child.wait()
        assert sum(len(line) + 1 for line in reading) <= PAGE  # what the kernel had ready

    def test_a_kept_file_tells_its_reader(self, child: subprocess.Popen[bytes]) -> None:
        fd = os.open(f"/proc/{child.pid}/stat", os.O_RDONLY)
        try:
            assert files.read_fd(fd, 512).startswith(b"%d (" % child.pid)
            child.kill()
            child.wait()
            with pytest.raises(ProcessLookupError):
                files.read_fd(fd, 512)
        finally:
            os.close(fd)


class TestLongFiles:
    def test_lines_are_whole_wherever_a_page_ends(self, tmp_path: Path) -> None:
        for length in (*range(4093, 4100), 8191, 8192, 8193, 20000):
            found = list(files.lines(lay(tmp_path, b"a" * length + b"\nb\n\n" + b"c" * length + b"\n")))
            assert found == [b"a" * length, b"b", b"", b"c" * length]

    def test_a_last_line_without_a_newline_is_a_line(self, tmp_path: Path) -> None:
        assert list(files.lines(lay(tmp_path, b"a\nb"))) == [b"a", b"b"]

    def test_an_empty_file_has_no_lines(self, tmp_path: Path) -> None:
        assert list(files.lines(lay(tmp_path, b""))) == []

    def test_all_of_a_file_that_the_kernel_gives_in_pieces(self, child: subprocess.Popen[bytes]) -> None:
        path = b"/proc/%d/smaps" % child.pid
        whole = files.read_all(path, 1 << 22)
        once = files.read(path, 1 << 22)
        assert whole is not None
        assert once is not None
        assert len(once) <= PAGE
        assert len(whole) > files.PIECE
        # Counts may change in between: pages are shared with processes that come and go.
        bare = [re.sub(rb" +\d+ kB$", b"", line) for line in files.lines(path)]
        assert bare == [re.sub(rb" +\d+ kB$", b"", line) for line in whole.splitlines()]
        assert whole.count(b"\nVmFlags:") == len(list(files.lines(b"/proc/%d/maps" % child.pid)))

    def test_no_more_than_the_limit(self, tmp_path: Path) -> None:
        path = lay(tmp_path, b"0123456789")
        assert files.read_all(path, 4) == b"0123"
        assert files.read_all(path, 10) == b"0123456789"
        assert files.read_all(path, 11) == b"0123456789"

    def test_a_kept_file_is_read_from_its_beginning_each_time(self, tmp_path: Path) -> None:
        fd = os.open(lay(tmp_path, b"one"), os.O_RDONLY)
        try:
            assert files.read_fd(fd, 64) == files.read_fd(fd, 64) == b"one"
            lay(tmp_path, b"two")
            assert files.read_fd(fd, 64) == b"two"
        finally:
            os.close(fd)


def test_a_link_and_a_folder(tmp_path: Path) -> None:
    os.symlink(b"/run/odd name\n\\\xff", os.fsencode(tmp_path) + b"/link")
    assert files.link(os.fsencode(tmp_path / "link")) == b"/run/odd name\n\\\xff"
    assert files.names(os.fsencode(tmp_path)) == [b"link"]


class TestCost:
    """System calls by strace: those of a hundred calls less those of none."""

    @pytest.fixture(autouse=True)
    def strace(self) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed")
        if subprocess.run(["strace", "-c", "/bin/true"], capture_output=True, check=False).returncode:
            pytest.skip("strace may not trace here")

    def calls(self, call: str, before: str = "") -> float:
        """Return the system calls that one call makes, behind what is done once."""
        counts = []
        for times in (0, 100):
            # The first call of all asks whether the kernel knows O_CLOEXEC.
            program = f"{before}\n{call}\nos.sched_yield()\nfor _ in range({times}):\n    {call}\nos.sched_yield()\n"
            trace = run(program, shutil.which("strace") or "", "-qq", "-e", "signal=none").stderr
            between = trace.split("sched_yield()")[1]
            counts.append(len(re.findall(r"^\w+\(", between, re.MULTILINE)))
        return (counts[1] - counts[0]) / 100

    def test_a_read_is_three(self) -> None:
        assert self.calls('files.read(b"/proc/self/stat", 512)') == 3

    def test_a_read_of_what_is_not_there_is_one(self) -> None:
        assert self.calls('files.read(b"/proc/self/gone", 512)') == 1

    def test_a_whole_file_is_one_more_to_see_its_end(self) -> None:
        assert self.calls('files.read_all(b"/proc/self/stat", 512)') == 4

    def test_a_kept_file_is_one_and_one_more_to_see_its_end(self) -> None:
        assert self.calls("files.read_fd(fd, 512)", 'fd = os.open("/proc/self/stat", os.O_RDONLY)') == 2

    def test_a_link_is_one(self) -> None:
        assert self.calls('files.link(b"/proc/self/exe")') == 1


def test_nothing_stays_open(tmp_path: Path) -> None:
    path = lay(tmp_path, b"one\ntwo\n")
    before = os.listdir("/proc/self/fd")
    files.read(path, 64)
    files.read(os.fsencode(tmp_path), 64)
    files.read_all(path, 64)
    list(files.lines(path))
    abandoned = files.lines(path)
    next(abandoned)
    del abandoned
    assert os.listdir("/proc/self/fd") == before


def test_giving_a_descriptor_back_never_fails(tmp_path: Path) -> None:
    fd = os.open(lay(tmp_path, b""), os.O_RDONLY)
    files.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    files.close(-1)


def test_descriptors_are_not_inherited(tmp_path: Path) -> None:
    reading = files.lines(lay(tmp_path, b"one\ntwo\n"))
    next(reading)
    listing = subprocess.run(
        ["/bin/ls", "-l", "/proc/self/fd"], capture_output=True, close_fds=False, check=True
    ).stdout
    assert os.fsencode(tmp_path) not in listing
    assert list(reading) == [b"two"]

"""``lastgasp-agent dump --follow`` as a device runs it, from sources and as bytecode: how it begins and ends."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgasp.pull.console.incoming import Frame, Incoming
from lastgasp.pull.follow import Follow
from lastgasp.ring import frames
from lastgasp.timeline.growing import Growing

ROOT = Path(__file__).parents[2]
WORD = "cafe0123"
PATIENCE_S = 60.0


class Stream:
    """The command, and what it has said."""

    def __init__(self, command: list[str], *words: str) -> None:
        self.process = subprocess.Popen(
            [*command, "dump", "--follow", "--frames", WORD, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.follow = Follow()
        self.follow.begin()
        self.frames: list[Frame] = []
        self._incoming = Incoming(WORD.encode(), frames.BASE85, 400)

    def read(self) -> bool:
        """What comes next. False: it was the last."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "nothing comes"
        data = os.read(self.process.stdout.fileno(), 65536)
        for event in self._incoming.feed(data):
            assert isinstance(event, Frame)
            self.frames.append(event)
            self.follow.take(event)
        return bool(data)

    def samples(self) -> int:
        growing = Growing("here")
        growing.add(self.follow.blocks())
        return growing.recording.samples

    def until(self, samples: int) -> None:
        while self.samples() < samples:
            assert self.read()

    def ended(self) -> tuple[int, bytes]:
        """Exit status and complaints."""
        assert self.process.stderr is not None
        return self.process.wait(PATIENCE_S), self.process.stderr.read()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module", params=["sources", "bytecode"])
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if request.param == "sources":
        return [sys.executable, str(ROOT / "scripts/lastgasp-agent")]
    tree = tmp_path_factory.mktemp("tree")
    subprocess.run([sys.executable, str(ROOT / "scripts/build-bytecode"), str(tree)], check=True)
    return [sys.executable, "-I", "-S", "-E", str(tree / "lastgasp-agent.pyc")]


@pytest.fixture
def stream(command: list[str]) -> Iterator[Stream]:
    made = Stream(command, "--interval", "100ms")
    yield made
    made.close()


def test_it_streams_as_one_that_goes_first_and_leaves_no_file_open(stream: Stream) -> None:
    stream.until(3)
    proc = Path(f"/proc/{stream.process.pid}")
    assert (proc / "oom_score_adj").read_text() == "1000\n"
    assert (proc / "comm").read_text() == "lastgasp-live\n"
    written = [line.split()[1] for line in (proc / "io").read_text().splitlines() if line.startswith("write_bytes")]
    assert written == ["0"]
    for path in (proc / "fd").iterdir():
        mode = int((proc / "fdinfo" / path.name).read_text().split("flags:")[1].split()[0], 8) & 3
        assert mode == os.O_RDONLY or path.name in "12", f"{path.name}: {os.readlink(path)} is open for writing"
    assert stream.follow.lost == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_in_order(stream: Stream, number: signal.Signals) -> None:
    stream.until(1)
    stream.process.send_signal(number)
    while stream.read():
        pass
    assert stream.ended() == (0, b"")


def test_it_ends_when_nobody_reads_any_more(command: list[str]) -> None:
    """Also between two samples that are far apart."""
    stream = Stream(command, "--interval", "1h")
    stream.until(1)
    assert stream.process.stdout is not None
    stream.process.stdout.close()
    assert stream.ended() == (0, b"")


def test_it_ends_after_its_time(command: list[str]) -> None:
    stream = Stream(command, "--interval", "100ms", "--for", "1s")
    while stream.read():
        pass
    assert stream.samples() > 0
    assert stream.ended() == (0, b"")


def test_between_far_samples_it_gives_signs_of_life(command: list[str]) -> None:
    stream = Stream(command, "--interval", "1h")
    try:
        while not stream.frames or stream.frames[-1].data:
            assert stream.read()
        assert stream.frames[-1].number == stream.follow.pieces, "the next one's"
        assert stream.follow.lost == 0 and stream.samples() == 1
    finally:
        stream.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--frames WORD"),
        (["--frames", "x", "--interval", "5ms"], "least --interval"),
        (["--frames", "x", "--interval", "5"], "with its unit"),
        (["--frames", "x", "--base", "10"], "--base is 64 or 85"),
        (["--frames", "x", "--ring", "/x"], "'--ring' is none of its options"),
        (["--frames"], "needs a value"),
    ],
)
def test_wrong_words_are_refused_in_a_line(words: list[str], said: str) -> None:
    command = [sys.executable, str(ROOT / "scripts/lastgasp-agent"), "dump", "--follow", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_an_output_that_takes_nothing_ends_it() -> None:
    """With the time that it waits cut short, and a pipe that is soon full."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'agent')!r})\n"
        "from lastgasp.recorder import follow\n"
        "follow.STUCK_S = 1\n"
        "from lastgasp.recorder.main import main\n"
        "sys.exit(main())\n"
    )
    stream = Stream([sys.executable, "-c", program], "--interval", "100ms")
    try:
        assert stream.process.stdout is not None
        fcntl.fcntl(stream.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        assert stream.ended() == (0, b"")
    finally:
        stream.close()

"""``lastgasp-agent dump --follow``: samples to standard output as they are taken, in frames for a wire that garbles.

Contract: a sampler of its own, beside the agent that records and without it. It writes no file and nothing to flash,
opens no socket, and is the first to go when memory is short. It ends when its output is closed or takes nothing for
STUCK_S, at SIGINT, SIGTERM and SIGHUP, and after the time asked for: on a serial line nobody can tell that the other
end is gone.

What is sent are the payloads of blocks (FORMAT.md), each in pieces as it grows. A piece is a frame's data (ring.frames,
kind LIVE, numbered from 0), or several frames' where it is longer than one; one without data is a sign of life, with
the number of the next piece:

    byte 0   flags: bit 0, the block is a key block
    byte 1   4 bytes, block number, from 0
    byte 5   4 bytes, where in the block's payload the piece belongs
    byte 9   of a block's first piece: base clock in ms, CLOCK_REALTIME minus CLOCK_BOOTTIME in ns (8 bytes each,
             signed), boot id (16 bytes)
    then     the next bytes of one raw deflate stream a block, preset with dictionary 1, flushed at the end of the piece

A block's payload fits into a block of 32 KiB as it is. At a key block everything is written anew, so a reader that
lost something goes on from there.

Measured, 60 processes of which 5 (20) change, at 1 s: 810 (880) bytes of payload a sample, 320 (370) of pieces, 430
(490) of lines in base 85. A key block's first piece takes 3.4 kB of lines (0.3 s at 115200 baud), others 100 to 170.
"""

import _signal
import _struct
import posix
import select
import sys
import zlib

from lastgasp.recorder import complain, dump, protect
from lastgasp.recorder.clocks import CLOCK_STEP_NS, boot_ms, log_clock_us, read_boot_id, wall_offset_ns
from lastgasp.recorder.config_file import DAY, duration
from lastgasp.recorder.kernel_log import KernelLog
from lastgasp.recorder.pressure import Pressure
from lastgasp.recorder.sampler import Sampler
from lastgasp.ring import frames
from lastgasp.ring.dictionary import DICTIONARY
from lastgasp.ring.encoder import Encoder
from lastgasp.ring.format import FLAG_KEY
from lastgasp.ring.writer import LEVEL, MEMORY_LEVEL, WINDOW_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.recorder.config import Config

OPTIONS = ("--frames", "--base", "--size", "--interval", "--for")
INTERVAL, LEAST_INTERVAL, SPAN = "2s", 100, "10m"
HEAD = _struct.Struct("<BII")
FIRST = _struct.Struct("<qq16s")
ROOM = 24 * 1024  # payload bytes after which a block ends; the longest record still fits into 32 KiB behind them
KEY_SAMPLES, KEY_MS = 10, 5_000  # a key block begins after so many samples, but not sooner than that
WHO_KEYS = 4  # with so many key blocks everybody's command line comes again
SLOW_MS = 10_000  # what is dear to read is read once in it
ALIVE_MS = 5_000  # a sign of life where samples come more seldom
STUCK_S = 60
LAST_ADJ = 1000  # oom_score_adj of who goes first


class Ended(Exception):
    """Enough, whatever the reason."""


class Stream:
    """The payload that its ``encoder`` gathers, piece by piece into ``write``."""

    __slots__ = (
        "_base", "_block", "_deflate", "_flags", "_pieces", "_sent", "_size", "_word", "_write", "boot_id", "encoder",
    )  # fmt: skip

    def __init__(self, write: "Callable[[bytes], object]", word: bytes, base: int, size: int, boot_id: bytes) -> None:
        """``base`` and ``size`` of frames as in ring.frames."""
        self.encoder = Encoder(self._full)
        self.encoder.soft_limit = ROOM
        self.boot_id = boot_id
        self._write, self._word, self._base, self._size = write, word, base, size
        self._block = self._pieces = self._sent = 0
        self._flags = FLAG_KEY
        self._deflate = _deflate()

    def send(self) -> None:
        """What is new."""
        payload = self.encoder.payload
        if len(payload) > self._sent:
            head = HEAD.pack(self._flags, self._block, self._sent)
            if not self._sent:
                head += FIRST.pack(self.encoder.base_ms, wall_offset_ns(), self.boot_id)
            data = self._deflate.compress(payload[self._sent :]) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            self._sent = len(payload)
            self._put(head + data)
            self._pieces += 1

    def alive(self) -> None:
        """A sign of life."""
        self._put(b"")

    def _put(self, data: bytes) -> None:
        for line in frames.pack(data, frames.LIVE, self._pieces & 0xFFFFFFFF, self._size, self._word, self._base):
            self._write(line)

    def key(self) -> None:
        """What comes next can be read without what came before."""
        self._full()
        self.encoder.reset()
        self._flags = FLAG_KEY

    def _full(self) -> None:
        """The next block begins."""
        self.send()
        if self._sent:
            self.encoder.cut(self._sent, self.encoder.last_ms)
            self._block += 1
            self._sent = self._flags = 0
            self._deflate = _deflate()


def _deflate() -> "zlib._Compress":
    return zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)


class Follower:
    """Samples into a stream."""

    def __init__(self, stream: Stream, config: "Config", root: bytes = b"/") -> None:
        """``config.interval`` is that of the samples."""
        self.stream = stream
        self.config = config
        self.interval = config.interval
        config.slow_interval = max(SLOW_MS, 4 * self.interval)
        config.mappings = False
        self.sampler = Sampler(stream.encoder, config, root, listen=False)
        self.pressure = Pressure(config.pressure_available, config.pressure_stall)
        self.log = KernelLog(stream.encoder, config.kernel_log_level, root + b"dev/kmsg")
        self.log.since_us = log_clock_us(boot_ms())  # what it said before is in the ring
        self._keys = 0
        self._samples = 0  # since the last key block
        self._key_ms = self._slow_ms = -DAY
        self._offset_ns = wall_offset_ns()

    def sample(self, now: int) -> None:
        """Take one and send it."""
        key = not self._keys or (self._samples >= KEY_SAMPLES and now - self._key_ms >= KEY_MS)
        slow = key or now - self._slow_ms >= self.config.slow_interval
        if key:
            self._begin(now)
        if slow:
            self._slow_ms = now
        self._note_clock_step(now)
        # Of how many processes the dear files are read goes by the interval: at a key block of all.
        self.config.interval = self.config.pressure_interval = self.config.slow_interval if key else self.interval
        sampler, system = self.sampler, self.sampler.system
        if self.log.read(now):
            self.pressure.sign(now)
        sampler.take(now, slow, self.pressure.on)
        self.pressure.tick(now, system.total_kb, system.available_kb, system.stalled_us)
        self.stream.send()
        self._samples += 1

    def _begin(self, now: int) -> None:
        """A key block."""
        self.stream.key()
        sampler = self.sampler
        who = self._keys % WHO_KEYS == 0
        sampler.rows.refresh()
        sampler.processes.refresh_some(len(sampler.processes.known), who)
        sampler.write_machine(now)
        self._keys += 1
        self._samples, self._key_ms = 0, now

    def _note_clock_step(self, now: int) -> None:
        offset = wall_offset_ns()
        if abs(offset - self._offset_ns) > CLOCK_STEP_NS:
            steps = [(b"from", b"%d" % self._offset_ns), (b"to", b"%d" % offset)]
            self.stream.encoder.event(now, b"clock", steps)
        self._offset_ns = offset


def main(config: "Config", words: list[str]) -> int:
    """Run the command, without the word ``--follow``; returns the exit status."""
    try:
        options = dump.options(words, OPTIONS)
        word, base, size = dump.form(options)
    except (dump.Usage, ValueError) as error:
        return complain(f"dump --follow: {error}; see --help", 2)
    try:
        config.interval = duration(options.get("--interval", INTERVAL))
        span_ms = duration(options.get("--for", SPAN))
    except (ValueError, KeyError, OverflowError):
        return complain("dump --follow: --interval and --for take a time with its unit: 500ms, 2s, 10m", 2)
    if not word:
        return complain("dump --follow: it is for a program that reads frames: --frames WORD; see --help", 2)
    if not LEAST_INTERVAL <= config.interval <= DAY:
        return complain("dump --follow: the least --interval is 100ms, the greatest 1d", 2)
    fd = sys.stdout.fileno()
    try:
        for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGALRM):
            _signal.signal(number, _end)
        protect.set_name(b"lastgasp-live")
        protect.set_oom_score_adj(LAST_ADJ)
        follow(Follower(Stream(writer(fd), word.encode(), base, size, read_boot_id(b"/")), config), fd, span_ms)
    except (Ended, OSError):  # nobody wants it any more
        pass
    return 0


def follow(follower: Follower, fd: int, span_ms: int) -> None:
    """Samples until the time is over or nobody reads them. Raises Ended, OSError of the output."""
    poller = select.poll()
    poller.register(fd, 0)  # tells only that the other end was closed
    now = boot_ms()
    due, until, sent = now, now + span_ms, now
    while now < until:
        if now >= due:
            follower.sample(now)
            sent = boot_ms()
            due += (sent - due) // follower.interval * follower.interval + follower.interval
        elif now - sent >= ALIVE_MS:
            follower.stream.alive()
            sent = now
        if poller.poll(max(0, min(due, sent + ALIVE_MS, until) - boot_ms())):
            return
        now = boot_ms()


def writer(fd: int) -> "Callable[[bytes], object]":
    """What writes all of it, or raises OSError, or Ended after STUCK_S."""

    def write(data: bytes) -> None:
        _signal.alarm(STUCK_S)
        while data:
            data = data[posix.write(fd, data) :]
        _signal.alarm(0)

    return write


def _end(number: int, _: object) -> None:
    raise Ended

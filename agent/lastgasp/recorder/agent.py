"""The agent: one thread, one loop, deciding when to sample and when to write.

Ticks are due at fixed distances, never busy and never drifting; a PSI trigger or an OOM report does not wait for
one. Nothing in here raises on account of what it reads or writes.
"""

import _signal
import posix
import select

from lastgasp.recorder import once
from lastgasp.recorder.alerts import Alerts
from lastgasp.recorder.clocks import CLOCK_STEP_NS, boot_ms, log_clock_us, read_boot_id, suspended_ms, wall_offset_ns
from lastgasp.recorder.control import Control
from lastgasp.recorder.kernel_log import SIGNS, KernelLog
from lastgasp.recorder.loop import Loop
from lastgasp.recorder.pressure import Pressure
from lastgasp.recorder.sampler import Sampler
from lastgasp.recorder.wear import Wear
from lastgasp.ring.writer import RingWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.recorder.config import Config
    from lastgasp.recorder.growth import Growth
    from lastgasp.recorder.mirror import Mirror
    from lastgasp.recorder.notify import Notify
    from lastgasp.recorder.ring_file import OpenedRing
    from lastgasp.recorder.tune import Tuner

KEY_INTERVAL = 2  # every other block can be decoded alone
PAUSE_MS = 50  # a kernel that talks all the time wakes the agent no more often than this
DEAF_MS = 60_000  # a log that cannot be read is tried again after so long
# 100 ms of stall within a second; the kernel overwrites the last byte. Without CAP_SYS_RESOURCE whole two seconds.
TRIGGERS = (b"some 100000 1000000\0", b"some 200000 2000000\0")
OWN = (
    b"missed_ticks",
    b"write_errors",
    b"lost_bytes",
    b"untracked",
    b"brief",
    b"execs",
    b"exits",
    b"events_missed",
    b"log_missed",
    b"early_writes",
)


class Agent:
    """Everything that lives while the agent runs."""

    tuner: "Tuner"  # set where processes are tuned, by ``requests``; who tunes nothing has no such attribute

    def __init__(
        self,
        config: "Config",
        ring: "OpenedRing",
        reload: "Callable[[], Config] | None" = None,
        root: bytes = b"/",
        clock: "Callable[[], int]" = boot_ms,
    ) -> None:
        """``reload`` reads the configuration again on SIGHUP; ``clock`` gives milliseconds since boot."""
        self.config = config
        self.ring = ring
        self.reload = reload
        self.clock = clock
        self.writer = RingWriter(
            ring.storage, ring.place, ring.block_size, read_boot_id(root), wall_offset_ns, KEY_INTERVAL
        )
        self.encoder = self.writer.encoder
        self.sampler = Sampler(self.encoder, config, root)
        self._own = self.encoder.table(b"recorder", OWN)
        self.log = KernelLog(self.encoder, config.kernel_log_level, root + b"dev/kmsg")
        if ring.same_boot:
            self.log.since_us = log_clock_us(ring.end_ms)
        self.notify: Notify | None = None  # who wants to hear how we are
        self.mirror: Mirror | None = None
        self.mirror_errno = 0
        self.alerts = Alerts(self.encoder, config)
        self.pressure = Pressure(config.pressure_available, config.pressure_stall)
        self.wear = Wear(config.flash_budget, ring.block_size, clock(), ring.early_writes, ring.covered_ms)
        self.control = Control(config.control_socket, self._answer)
        self.loop = Loop()
        self._growth: Growth | None = None
        self.trigger_errno = 0
        self.started_ms = clock()
        self.missed_ticks = 0
        self._slept_ms = suspended_ms()  # when a tick was missed last
        self.early_writes = 0
        self.marks = 0  # since marks_since_ms
        self.marks_since_ms = self.started_ms
        self.first_block = self.writer.place.block_number  # that this run writes
        self.stopping = False
        self.due_ms = self.slow_due_ms = self._flushed_ms = self.started_ms
        self._listen_again_ms = -1
        self._report_ms = -config.pressure_interval  # when a report was last sampled
        self._block = self.writer.place.block_number
        self._offset_ns = wall_offset_ns()
        self.loop.watch(self.log.fd, self._on_log)
        self.loop.watch(self.control.fd, self._on_connection)
        self._set_trigger(root)
        if config.pmsg:
            self._open_mirror(root + b"dev/pmsg0")

    # -- life ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then everything is on flash and the stop is marked as a clean one."""
        self.loop.catch_signals(self._on_signal)
        self.start()
        try:
            while not self.stopping:
                self.turn()
        except BaseException:  # what nobody foresaw: memory refused to ourselves, a mistake of ours
            self.writer.flush()
            raise
        self.stop()

    def start(self) -> None:
        """Write who and where we are."""
        now = self.clock()
        notes = [(b"note", note.encode("utf-8", "surrogateescape")) for note in self.ring.notes]
        self.encoder.event(now, b"start", notes)
        self.sampler.write_machine(now)

    def turn(self) -> None:
        """One turn of the loop: what is due, then wait for something to happen."""
        now = self.clock()
        if now >= self.due_ms:
            self.tick(now)
            now = self.clock()
        until = self.due_ms
        if self._listen_again_ms >= 0:
            if self._listen_again_ms <= now:
                self._listen_again_ms = -1
                self.loop.watch(self.log.fd, self._on_log)
                self.loop.watch(self.control.fd, self._on_connection)
            else:
                until = min(until, self._listen_again_ms)
        if self.notify is not None:
            self.notify.is_up(b"recording")
            until = self.notify.beat(now, until)
        self.loop.wait(until - now)

    def stop(self) -> None:
        """Mark a clean stop and flush."""
        if self.notify is not None:
            self.notify.say(b"STOPPING=1")
        self.encoder.event(self.clock(), b"stop", [])
        self.writer.flush()
        self.control.close()

    # -- a tick ----------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Take one sample and see that it gets where it belongs."""
        slow = now >= self.slow_due_ms
        self._schedule(now, slow)
        self._note_clock_step(now)
        self.sample(now, slow)
        self._judge_alerts(now)
        if self.pressure.on and self.wear.allows(now):
            self.early_writes += 1
            self.flush()
        elif now - self._flushed_ms >= self.config.flush_interval:
            self.flush()
        if self.mirror is not None:
            self.mirror.update()
        if self._block != self.writer.place.block_number:
            self._block = self.writer.place.block_number
            self._flushed_ms = now  # what is older went to flash with the block before
            self.sampler.new_block(now, self._block)

    def _schedule(self, now: int, slow: bool) -> None:
        interval = self.config.pressure_interval if self.pressure.on else self.config.interval
        self.due_ms += interval
        if self.due_ms <= now:
            missed = (now - self.due_ms) // interval + 1
            self.due_ms += missed * interval
            slept = suspended_ms()
            self.missed_ticks += max(0, missed - (slept - self._slept_ms) // interval)
            self._slept_ms = slept
        if slow:
            self.slow_due_ms = now + self.config.slow_interval
            self._put_own(now)
            for fd in self.control.stale():  # who connected and said nothing
                self.loop.unwatch(fd)
                self.control.drop(fd)

    def sample(self, now: int, slow: bool) -> None:
        """Take a sample and judge by it whether memory is short."""
        system, pressure = self.sampler.system, self.pressure
        before = pressure.on
        self.sampler.take(now, slow, before)
        pressure.tick(now, system.total_kb, system.available_kb, system.stalled_us)
        if pressure.on and not before:
            self.due_ms = min(self.due_ms, now + self.config.pressure_interval)

    def _put_own(self, now: int) -> None:
        """What the agent knows of itself, as a row like any other."""
        sampler, writer = self.sampler, self.writer
        births = sampler.births
        self.encoder.begin(now, 0)
        sampler.rows.put(
            self._own,
            b"",
            (
                self.missed_ticks,
                writer.errors,
                writer.lost,
                sampler.processes.untracked,
                sampler.processes.brief,
                births.execs,
                births.exits,
                births.missed,
                self.log.missed,
                self.early_writes,
            ),
        )
        self.encoder.end()

    def _judge_alerts(self, now: int) -> None:
        system, config, level = self.sampler.system, self.config, self.alerts.level
        total, available = system.total_kb, system.available_kb
        if total and available is not None:
            text = b"%d kB of %d kB memory available" % (available, total)
            level(now, b"available", available * 1000 // total, config.alert_available, text, True)
        stall = self.pressure.stall_share
        text = b"tasks wait for memory %d %% of the time" % (stall // 10)
        level(now, b"stall", stall, config.alert_stall, text, False)
        text = b"the ring cannot be written: errno %d" % self.writer.last_error
        level(now, b"ring", self.writer.refusals, 1, text, False)
        if config.alert_growth or self._growth is not None:
            if self._growth is None:
                try:
                    self._growth = once.load("recorder.growth").Growth(self.alerts, self.sampler.processes)
                except ImportError:  # tried again at the next tick
                    return
            self._growth.judge(now)

    def _note_clock_step(self, now: int) -> None:
        offset = wall_offset_ns()
        if abs(offset - self._offset_ns) > CLOCK_STEP_NS:
            self.encoder.event(now, b"clock", [(b"from", b"%d" % self._offset_ns), (b"to", b"%d" % offset)])
        self._offset_ns = offset

    def flush(self) -> bool:
        """Everything to flash now."""
        self._flushed_ms = self.clock()
        return self.writer.flush()

    # -- what does not wait for a tick -----------------------------------------------------------------

    def _set_trigger(self, root: bytes) -> None:
        """Have the kernel wake us when tasks wait for memory (Documentation/accounting/psi.rst, since 5.2)."""
        try:
            fd = posix.open(root + b"proc/pressure/memory", posix.O_RDWR | posix.O_CLOEXEC | posix.O_NONBLOCK)
            try:
                try:
                    posix.write(fd, TRIGGERS[0])
                except OSError:
                    posix.write(fd, TRIGGERS[1])
            except OSError:
                posix.close(fd)
                raise
            self.loop.watch(fd, self._on_trigger, select.POLLPRI)
        except OSError as error:  # not there, or not permitted: the totals tell the same, a tick later
            self.trigger_errno = error.errno or 0

    def _open_mirror(self, path: bytes) -> None:
        """Mirror samples to persistent RAM, where there is some; elsewhere its code is not even loaded."""
        try:
            fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
        except OSError as error:
            self.mirror_errno = error.errno or 0
            return
        try:
            self.mirror = once.load("recorder.mirror").Mirror(self.writer, fd)
        except ImportError:
            posix.close(fd)

    def _on_trigger(self, _: int) -> None:
        now = self.clock()
        if not self.pressure.on:
            self.due_ms = now
        self.pressure.sign(now)

    def _on_log(self, fd: int) -> None:
        now = self.clock()
        news = self.log.caught_up
        reported = self.log.read(now)
        self._pause(fd, now + (DEAF_MS if self.log.errno else PAUSE_MS))
        if reported and news:
            self.pressure.sign(now)
            if now - self._report_ms >= self.config.pressure_interval:
                self._report_ms = now
                self.sample(now, False)
            self.due_ms = min(self.due_ms, now + self.config.pressure_interval)
        if reported and (self.log.signs_this_hour <= SIGNS or self.wear.allows(now)):
            self.flush()

    def _on_connection(self, fd: int) -> None:
        client = self.control.accept()
        if client < 0:  # there are enough of them, or no descriptor for one more: it goes on waiting at the door
            self._pause(fd, self.clock() + PAUSE_MS)
        self.loop.watch(client, self._on_client)

    def _pause(self, fd: int, until_ms: int) -> None:
        """Do not look at ``fd`` for a while."""
        self.loop.unwatch(fd)
        self._listen_again_ms = until_ms if self._listen_again_ms < 0 else min(until_ms, self._listen_again_ms)

    def _on_client(self, fd: int) -> None:
        self.loop.unwatch(fd)
        if not self.control.serve(fd):
            self.loop.watch(fd, self._on_client)

    def _answer(self, request: bytes) -> bytes:
        """What a client of the control socket gets."""
        try:
            with once.borrowed("recorder.requests") as requests:
                answer: bytes = requests.answer(self, request)
        except Exception as error:  # no question ends the agent
            return b"error %s\n" % str(error).encode("utf-8", "replace")
        return answer

    def _on_signal(self, number: int) -> None:
        if number == _signal.SIGUSR1:
            self.flush()
        elif number == _signal.SIGHUP:
            try:
                with once.borrowed("recorder.requests") as requests:
                    requests.reload(self)
            except ImportError as error:
                self.encoder.event(self.clock(), b"config", [(b"error", str(error).encode("utf-8", "replace"))])
        else:
            self.stopping = True

"""Is memory short? Decides when to look more closely; pure, told the time by its caller."""

HOLD_MS = 30_000  # pressure lasts at least this long after its last sign
# With vm.panic_on_oom what is not on flash before the last of the memory goes is lost. So a fall that would get there
# by the next tick is a sign as well: not from afar, and not for long, for most end before.
AHEAD_MS = 2_000  # at least
NEAR = 3  # times the share
FALL_HOLD_MS = 5_000
GAP_MS = 20_000  # so long apart, two ticks tell nothing of a fall


class Pressure:
    """Pressure is on when MemAvailable is under a share of RAM, tasks wait for memory, or the kernel says so.

    Also, for a while, when MemAvailable falls so fast that it would be under that share at the next tick: on 128 MB a
    leak of 6 MB a second goes from 10 % to a panic within one tick of a second (measured on ARM, Linux 6.1).
    """

    __slots__ = (
        "_at_ms",
        "_available_kb",
        "_stall_at_ms",
        "_stall_us",
        "_until_ms",
        "available",
        "on",
        "stall",
        "stall_share",
    )

    def __init__(self, available: int, stall: int) -> None:
        """Both in thousandths: of MemTotal, and of elapsed time."""
        self.available = available
        self.stall = stall
        self.on = False
        self.stall_share = 0  # thousandths of the time since the last tick that some task waited for memory
        self._until_ms = -1
        self._available_kb = self._at_ms = 0
        self._stall_us = -1
        self._stall_at_ms = 0

    def sign(self, now_ms: int, hold_ms: int = HOLD_MS) -> None:
        """Something says that memory is short: a PSI trigger, an OOM report."""
        self.on = True
        self._until_ms = max(self._until_ms, now_ms + hold_ms)

    def tick(self, now_ms: int, total_kb: int | None, available_kb: int | None, stalled_us: int | None) -> bool:
        """Judge the values of one tick; None is unknown. Returns ``on``."""
        if total_kb and available_kb is not None:
            share = total_kb * self.available
            if available_kb * 1000 < share:
                self.sign(now_ms)
            elif available_kb * 1000 < NEAR * share:
                fallen_kb, passed_ms = self._available_kb - available_kb, now_ms - self._at_ms
                if fallen_kb > 0 and 0 < passed_ms <= GAP_MS:
                    ahead_kb = available_kb - fallen_kb * max(passed_ms, AHEAD_MS) // passed_ms
                    if ahead_kb * 1000 < share:
                        self.sign(now_ms, FALL_HOLD_MS)
            self._available_kb, self._at_ms = available_kb, now_ms
        self.stall_share = 0
        if stalled_us is not None:
            passed_us = (now_ms - self._stall_at_ms) * 1000
            if self._stall_us >= 0 and passed_us > 0:
                self.stall_share = (stalled_us - self._stall_us) * 1000 // passed_us
                if stalled_us > self._stall_us and self.stall_share >= self.stall:
                    self.sign(now_ms)
            self._stall_us = stalled_us
            self._stall_at_ms = now_ms
        if self.on and now_ms >= self._until_ms:
            self.on = False
        return self.on

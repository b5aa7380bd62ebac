"""/proc/PID/oom_score and oom_score_adj (fs/proc/base.c): what the kernel would hold against a process."""

from lastgasp.proc.text import maybe


def parse(raw: bytes | None) -> int | None:
    """One decimal number, possibly negative."""
    if not raw or not raw.endswith(b"\n"):
        return None
    if raw.startswith(b"-"):
        value = maybe(raw[1:-1])
        return None if value is None else -value
    return maybe(raw[:-1])

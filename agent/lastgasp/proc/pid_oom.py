"""/proc/PID/oom_score and oom_score_adj (fs/proc/base.c): what the kernel would hold against a process."""


def parse(raw: bytes | None) -> int | None:
    """One decimal number, possibly negative."""
    try:
        return int(raw) if raw is not None else None
    except ValueError:
        return None

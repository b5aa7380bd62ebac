"""/proc/PID/statm (fs/proc/array.c): pages. Its third word is file and shmem pages together (since 2.6.34)."""


def parse(raw: bytes) -> tuple[int, int, int] | None:
    """Total (virtual), resident, and shared (file + shmem) pages; anonymous is resident minus shared."""
    words = raw.split(None, 3)
    if len(words) < 4:
        return None
    try:
        size, resident, shared = int(words[0]), int(words[1]), int(words[2])
    except ValueError:
        return None
    return None if (size | resident | shared) >> 62 else (size, resident, shared)

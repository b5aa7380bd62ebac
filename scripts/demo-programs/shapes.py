"""The demo's three programs for machines without a C compiler: python3 shapes.py lg-leaker|lg-sawtooth|lg-cache.

They do what leaker.c, sawtooth.c and cache.c do, at the same rates.
"""

import sys
import time


def leaker() -> None:
    """Keep everything."""
    kept: list[bytearray] = []
    start = time.monotonic()
    while len(kept) < 4900:
        kept.append(bytearray(12 * 1024 + 512))
        time.sleep(max(0.0, start + len(kept) * 0.01 - time.monotonic()))


def sawtooth() -> None:
    """Collect a batch, then give it back."""
    while True:
        batch = []
        for _ in range(384):
            batch.append(bytearray(32 * 1024))
            time.sleep(0.013)


def cache() -> None:
    """Fill up, then replace the oldest."""
    entries = {}
    number = 0
    while True:
        entries[number % 896] = bytearray(16 * 1024)
        number += 1
        time.sleep(0.016)


def main() -> None:
    """Take the name that was asked for and do what it says."""
    name = sys.argv[1]
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(name)
    {"lg-leaker": leaker, "lg-sawtooth": sawtooth, "lg-cache": cache}[name]()


if __name__ == "__main__":
    main()

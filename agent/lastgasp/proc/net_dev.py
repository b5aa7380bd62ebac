"""/proc/net/dev (net/core/net-procfs.c): traffic of interfaces since they came up."""

COLUMNS = (b"rx_bytes", b"rx_packets", b"rx_dropped", b"tx_bytes", b"tx_packets")


def parse(raw: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    """Rows by interface name with the values of COLUMNS; interfaces that never carried a packet are left out."""
    rows: list[tuple[bytes, tuple[int, ...]]] = []
    for line in raw.splitlines():
        name, colon, rest = line.rpartition(b":")  # an alias such as eth0:1 has a colon of its own
        words = rest.split()
        if not colon or len(words) < 16 or (words[1] == b"0" and words[9] == b"0"):
            continue
        try:
            rows.append((name.strip(), (int(words[0]), int(words[1]), int(words[3]), int(words[8]), int(words[9]))))
        except ValueError:
            continue
    return rows

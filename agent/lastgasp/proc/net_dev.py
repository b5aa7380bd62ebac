"""/proc/net/dev (net/core/net-procfs.c): traffic of interfaces since they came up."""

from lastgasp.proc.text import lines, number

COLUMNS = (b"rx_bytes", b"rx_packets", b"rx_dropped", b"tx_bytes", b"tx_packets")


def parse(raw: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    """Rows by interface name with the values of COLUMNS; interfaces that never carried a packet are left out.

    A name holds neither white space nor a colon, but may hold anything else.
    """
    rows: list[tuple[bytes, tuple[int, ...]]] = []
    for line in lines(raw):
        name, _, rest = line.partition(b":")
        words = rest.split()
        if len(words) < 16 or (words[1] == b"0" and words[9] == b"0"):
            continue
        try:
            rows.append((name.strip(), tuple([number(words[i]) for i in (0, 1, 3, 8, 9)])))
        except ValueError:
            continue
    return rows

"""What the kernel says, one module per source: bytes in, plain values out.

Parsers are pure and know no policy, no clock and nothing of the rest of lastgasp. A value that the kernel did
not give is ``None``, which is not zero. Parsers raise nothing on any bytes: what makes no sense is absent, and so is
the last line of a file that was cut short. Numbers fit the ring.
``files`` does the reading, below a root that tests point at a captured tree.
"""

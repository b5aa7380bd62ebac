"""Rings out of flash dumps, with no file system driver: ``rings`` is the way in.

``survey`` walks through a dump once; ``nand`` tells how large pages and their spare areas are; ``ubi``, ``ubifs`` and
``jffs2`` know what these put on flash, ``unpack`` and ``lzo`` how they compress; ``replay`` makes blocks of nodes;
``ext4`` finds files that lie in pieces. ``found`` sorts all blocks into rings.
"""

"""Write a compressed image (zlib) to a flash chip that is erased.

    put-chip.py IMAGE /dev/mtd0

What is erased in the image is left alone: a NOR chip that takes two bytes at a time takes minutes for 2 MB.
"""

import posix
import sys
import zlib

PIECE = 256

with open(sys.argv[1], "rb") as file:
    image = zlib.decompress(file.read())
chip = posix.open(sys.argv[2], posix.O_RDWR)
for at in range(0, len(image), PIECE):
    piece = image[at : at + PIECE]
    if piece.count(255) < PIECE:
        posix.pwrite(chip, piece, at)

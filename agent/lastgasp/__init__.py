"""lastgasp: a memory flight recorder for embedded Linux.

What runs on the device is ``recorder``, ``proc`` and ``ring``; everything else runs on the laptop and is
never imported by those three. ``ring/FORMAT.md`` is the contract between the two sides.
"""

__version__ = "0.1.0"

"""Rehearsals: the real agent on real kernels in the bed, through what devices go through.

One module per idea, and each knows only those above it in this list:

- checks:       one line for each thing that was checked or measured
- parts:        what is built for a guest: the agent's bytecode, a leaker, disks
- device:       a guest with the agent on it, and what is asked of the agent there
- recordings:   what the laptop's side makes of the ring
- oom:          a leak up to the OOM kill, on a fast disk, and on a slow one with and without locked memory
- forecast:     leaks of some minutes, and what the forecast says of them half-way
- power_cut:    QEMU is killed while the agent writes
- pmsg:         warm resets, and what the agent recovers from RAM
- clock:        a device without a clock, which is then set
- wired:        a guest with every wire that a recording can be pulled over
- pull:         recordings pulled over all of them
- pull_trouble: the same, disturbed
- pull_hours:   two hours of recording, an OOM kill, and how long the verdict takes
- media:        where a ring may be: disks, file systems, simulated NAND flash
- file_systems: two runs on each medium, which is then filled up
- crash_image:  what a disk holds after a cut, made from the log of its writes
- promises:     which blocks a ring must hold after a cut
- crash_images: ext4, cut a thousand times
- nor_cuts:     JFFS2 and UBIFS on a flash chip that outlives QEMU
- amplification: what is programmed for each byte written, by block size
"""

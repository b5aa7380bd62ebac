"""The test bed: Debian kernels in QEMU guests with a busybox and a minimal Python, driven over a serial line.

One module per idea, and each knows only those above it in this list:

- errors:    what the user is told
- tools:     programs of the host
- targets:   the architectures, boards and kernels, as data
- packages:  Debian packages, fetched once and unpacked without root
- kernel:    a kernel image and its modules, found in those packages
- elf:       which shared libraries a program needs
- filetree:  files in memory, written as an initramfs or as an ext4 image, without root
- userland:  what a guest's root holds
- flash:     boards whose NOR flash chip is a file
- block_log: all that a guest wrote to a disk, in order
- monitor:   QEMU's own monitor
- guest:     a running QEMU and the shell inside it
- wire:      the guest's serial line at a baud rate, for whoever connects
- ssh:       a guest that lets in by key
- console:   who answers on the guest's serial line, and who disturbs there
- bench:     from a target to a booted guest
- capture:   the scene that gives a /proc tree something to show
"""

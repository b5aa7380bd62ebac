"""A Buildroot image with the agent: built in a tree that the user has, booted in QEMU, and looked at.

One module per idea, and each knows only those above it in this list:

- tree:    the configuration, the build, and what came out of it
- machine: the image in QEMU, and a shell in it
- checks:  what has to be true of it
"""

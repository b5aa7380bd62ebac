"""The agent as one program for a device, compiled with Nuitka on any host, without an emulator.

Nuitka makes C out of the agent's modules; that C is compiled and linked here, with the device's compiler, against
the device's Python. So there is one way for host and device. ``build.py`` tells the steps.
"""

"""A recording decoded: boots, clocks, samples, and a series of values for every row of every table.

``load`` reads files; ``model`` is what it gives. Times are milliseconds since the boot they belong to
(CLOCK_BOOTTIME); what absolute time that was is a judgement, made in ``model.Boot.wall_ns``.
"""

"""The kernel's OOM report, and its choice: text in, plain values out. No I/O, nothing else of ours.

``log`` takes the prefixes off a line, whatever log it comes from; ``lines`` has the lines of ``journal``s, and of rows
that a terminal's width ``wrapped``, put together before; ``parser`` makes reports of lines (``report`` says of
what they consist); ``badness`` is the kernel's arithmetic, era by era; ``era`` tells a report's era, and the total that
points are measured against; ``ranking`` orders processes, of a report or of a recording's sample; ``choice`` ranks the
tasks of a report and holds the kernel's victim against the model's; ``what_if`` does it again with other inputs;
``overcommit`` says when mode 2 would have refused.
"""

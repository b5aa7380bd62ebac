"""The kernel's OOM report, and its choice: text in, plain values out. No I/O, nothing else of ours.

``log`` takes the prefixes off a line, whatever log it comes from; ``parser`` makes reports of lines (``report`` says of
what they consist); ``badness`` is the kernel's arithmetic, era by era; ``choice`` ranks the tasks of a report and holds
the kernel's victim against the model's.
"""

"""What a timeline means: who grew and how, who was killed, what the recording cost and what it lost.

Pure: values in, values out. ``facts.gather`` brings it all together for whoever shows it. Memory is bytes, times
are milliseconds since the boot they belong to, and names stay raw bytes: whoever shows them makes them harmless.
"""

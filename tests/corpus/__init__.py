"""Memory of made-up programs over time, with the truth about each: does it leak, since when, how fast?

    curves    ``make(seed)``: one program on one machine, sampled; ``curves(seeds)``: many
    world     the conditions that a program runs under: its size, its machine's load, how often it is looked at
    loads     what the outside asks of a machine: requests by day and night, in bursts, ever more
    heaps     what an allocator makes of live memory: what it keeps, what it gives back, what is in pieces
    leaky     programs that lose memory
    sound     programs that do not, however much they look like it

Every curve comes of a *model of a program* that is run step by step; nothing here is a shape with noise on it. The
corpus knows nothing of the judge that it is to test and shares no constant with it. The same seed gives the same curve.
"""

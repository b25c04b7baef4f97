"""Input that means harm or makes no sense, by the ten thousand, and what must hold of each.

One file a target. Only errors of ours may come out, in bounded time and memory, and whatever else
the target promises is held against an independent reading of the input. In the gate each target
gets a second or two of processor time and always the same examples; `make fuzz` gives ten minutes
each. THESISWATCH_FUZZ_SEED=n takes other examples, THESISWATCH_FUZZ_SECONDS=s more of them.
"""

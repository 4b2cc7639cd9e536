"""`benchmarks/accelerator/run`: all that is to be measured on an accelerator, by one command.

Each part runs in a process of its own under a time limit of its own, and writes its JSON file again
with every row, so that a hang, a crash or a lack of memory costs no more than what it happened to.
"""

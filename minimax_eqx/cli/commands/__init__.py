"""Each command of the command line: its options, and `main(words)`, which gives the exit code."""

__all__: list[str] = []

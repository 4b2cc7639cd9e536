"""`python -m minimax_eqx` is `minimax-eqx`."""

import sys

from .cli._main import main

if __name__ == "__main__":
    sys.exit(main())

"""What the process of a part does: `python -m benchmarks.accelerator.measure PART FILE ...`."""

import argparse
import datetime
import importlib
import json
import pathlib
import sys
import time
from collections.abc import Sequence

BEGAN = time.monotonic()


def main(arguments: Sequence[str]) -> int:
    """Measures a part and writes its rows; the exit status is 1 if a row failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part")
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args(arguments)

    from ..machine import describe_machine, memory_gb, peak_device_memory_gb
    from ..scaling import make_devices
    from ..timing import Limits, MatrixProduct
    from .rows import Rows
    from .session import Session
    from .sizes import FULL, PRECISIONS, SMALL

    sizes = SMALL if options.small else FULL
    begun = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    data = {"part": options.part, "small": options.small, "begun": begun}
    rows = Rows(options.file, data, options.seconds - (time.monotonic() - BEGAN))
    if options.devices > 1:
        make_devices(options.devices)
    yardstick = MatrixProduct(size=sizes.matrix)
    rates = {name: MatrixProduct(name, sizes.matrix).rate() / 1e9 for name in PRECISIONS}
    rows.say(machine=describe_machine(yardstick) | {"matrix_product_gflops_in": rates})
    limits = Limits(seconds=sizes.row_seconds, memory_gb=memory_gb())
    part = importlib.import_module(f".{options.part}", __package__)
    part.measure(Session(yardstick, limits, sizes, rows))
    if (peak := peak_device_memory_gb()) is not None:
        rows.say(peak_device_memory_gb=peak)
    for line in rows.failed:
        print(f"There is no figure for {options.part}, {line}.", file=sys.stderr)
    return 1 if rows.failed else 0


def probe() -> int:
    """Prints which device JAX finds, as JSON, once all that the parts need was imported."""
    import jax

    # A part imports the whole package and what that needs.
    importlib.import_module(".smoke", __package__)
    device = jax.devices()[0]
    found = {
        "backend": jax.default_backend(),
        "device": device.device_kind,
        "devices": jax.device_count(),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(probe() if sys.argv[1:] == ["probe"] else main(sys.argv[1:]))

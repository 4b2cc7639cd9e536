"""Stands for `benchmarks.accelerator.measure`: the parts do quickly what parts can do."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

DEVICE = "STUB_DEVICE"


def part(name: str, path: pathlib.Path) -> int:
    data = {"part": name, "machine": {"device": "Stub"}, "timings": {"first": {"seconds": 1.0}}}
    if name == "cycles":  # hangs, and has started a process that hangs
        sleeper = subprocess.Popen(["sleep", "600"])
        data["timings"]["first"]["process"] = sleeper.pid
    path.write_text(json.dumps(data))
    if name == "cycles":
        time.sleep(600)
    if name == "env":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "profile":
        print("no kernels", file=sys.stderr)
        return 1
    return 0


def probe() -> None:
    if DEVICE not in os.environ:
        sys.exit("ModuleNotFoundError: No module named 'beartype'")
    print(json.dumps({"backend": os.environ[DEVICE], "device": "Stub 80GB", "devices": 1}))


if __name__ == "__main__":
    sys.exit(probe() if sys.argv[1] == "probe" else part(sys.argv[1], pathlib.Path(sys.argv[2])))

"""`python -m website`: builds the site, and fails where a link or an anchor leads nowhere.

`python -m website --pages` stops when the pages are written, before Zensical turns them into HTML.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence

from . import _check, _navigation, _pages

ROOT = pathlib.Path(__file__).parent.parent
OUT = ROOT / "build" / "website"


def main(arguments: Sequence[str]) -> int:
    """Makes the pages and the site; the exit status is 1 if something is wrong with them."""
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("--pages", action="store_true", help="write the pages as Markdown, no site")
    parser.add_argument("--out", type=pathlib.Path, default=OUT, help="an empty or new folder")
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    shutil.rmtree(out / "pages", ignore_errors=True)
    shutil.rmtree(out / "site", ignore_errors=True)
    made = _pages.write(ROOT, out / "pages")
    configuration = out / "zensical.toml"
    configuration.write_text(_navigation.configuration(made), encoding="utf-8")
    wrong = made.wrong + _navigation.left_out(made)
    if not wrong and not options.pages:
        build = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        done = subprocess.run([*build, "-f", str(configuration)], cwd=out, check=False)
        if done.returncode:
            return done.returncode
        wrong = _check.broken_links(out / "site")
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong and not options.pages:
        print(f"The site is in {out / 'site'}; open index.html there.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

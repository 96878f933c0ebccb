"""`python -m tests.hub FOLDER…`: serve model folders as repositories, to click through the window against.

A folder is served as local/NAME, or under a name of your choice as in `deepseek-ai/R1=/path/to/folder`. Then start
Stillroom with the HF_ENDPOINT that is printed.
"""

import argparse
import sys
import threading
from pathlib import Path

from tests.hub.server import Hub


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description="A Hugging Face Hub on loopback.")
    parser.add_argument("folders", nargs="+", metavar="[ORG/NAME=]FOLDER")
    parser.add_argument("--rate", type=float, default=0, metavar="MB", help="megabytes a second, all bodies together")
    parser.add_argument("--port", type=int, default=0, help="of the hub; any free one when not given")
    parser.add_argument("--gated", action="append", default=[], metavar="ORG/NAME", help="ask for the token hf_right")
    parser.add_argument("--private", action="append", default=[], metavar="ORG/NAME", help="hide without that token")
    chosen = parser.parse_args()
    with Hub(rate=chosen.rate * 1e6, port=chosen.port) as hub:
        for number, text in enumerate(chosen.folders):
            name, _, folder = text.rpartition("=")
            path = Path(folder).expanduser()
            if not path.is_dir():
                parser.error(f"{path} is no folder")
            repo_id = name or f"local/{path.resolve().name}"
            more = {"gated": repo_id in chosen.gated, "private": repo_id in chosen.private}
            hub.add(repo_id, path, downloads=1000 - number, **more)
            sys.stdout.write(f"{repo_id}: {path}\n")
        sys.stdout.write(f"HF_ENDPOINT={hub.url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()

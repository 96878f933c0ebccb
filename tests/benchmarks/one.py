"""Runs one benchmark in this process, for tests.benchmarks.__main__."""

import importlib
import sys

from tests.benchmarks import children

if __name__ == "__main__":
    children.answer_and_end(importlib.import_module(f"tests.benchmarks.{sys.argv[1]}").measure())

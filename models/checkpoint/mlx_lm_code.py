"""What mlx-lm has code for, found out without importing it, which would take a second.

A checkpoint names its architecture, its kind of chat template and its parser of tool calls, and mlx-lm imports the
module of that name. Only names of files that come with mlx-lm are let through.
"""

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

from models import errors


@cache
def can_run(model_type: str) -> bool:
    """Whether mlx-lm has an implementation of an architecture, under its own name or the one it maps it to."""
    if re.fullmatch(r"[a-z0-9_]+", model_type) is None:
        return False
    package = _mlx_lm()
    name = _remapped(package).get(model_type, model_type)
    path = package / "models" / f"{name}.py"
    # beside the architectures lie modules that they share, such as cache.py
    return path.is_file() and "\nclass Model(" in path.read_text("utf-8")


@cache
def modules(folder: str) -> frozenset[str]:
    """Names of mlx-lm's modules in one of its folders, as in "tool_parsers"."""
    return frozenset(path.stem for path in (_mlx_lm() / folder).glob("*.py") if path.stem != "__init__")


@cache
def _mlx_lm() -> Path:
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise errors.NotFound("mlx-lm is not installed.", "Run `make setup`.")
    return Path(spec.submodule_search_locations[0])


@cache
def _remapped(package: Path) -> dict[str, str]:
    """mlx-lm's MODEL_REMAPPING, read from its source."""
    for node in ast.parse((package / "utils.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MODEL_REMAPPING":
            return dict(ast.literal_eval(node.value))
    return {}

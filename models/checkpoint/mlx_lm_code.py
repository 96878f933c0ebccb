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

_IMPORTED = re.compile(r"^from \.(?:(\w+) import| import \(?([\w,\s]+?)(?:\)|\n\S|\n\n))", re.MULTILINE)


@cache
def can_run(model_type: str) -> bool:
    """Whether mlx-lm has an implementation of an architecture, under its own name or the one it maps it to."""
    # beside the architectures lie modules that they share, such as cache.py
    return "\nclass Model(" in _source(model_type)


@cache
def mentions(model_type: str, key: str) -> bool:
    """Whether the code of an architecture, or one that it is built on, knows a key of config.json, by its text."""
    return re.search(rf"\b{key}\b", _whole_source(model_type)) is not None


@cache
def modules(folder: str) -> frozenset[str]:
    """Names of mlx-lm's modules in one of its folders, as in "tool_parsers"."""
    return frozenset(path.stem for path in (_mlx_lm() / folder).glob("*.py") if path.stem != "__init__")


@cache
def _whole_source(model_type: str) -> str:
    """The code of an architecture with that of those it imports, as `from . import llama` does."""
    own = _source(model_type)
    imported = {name for pair in _IMPORTED.findall(own) for name in re.findall(r"\w+", " ".join(pair))} - {model_type}
    return own + "".join(_whole_source(name) for name in sorted(imported) if can_run(name))


@cache
def _source(model_type: str) -> str:
    if re.fullmatch(r"[a-z0-9_]+", model_type) is None:
        return ""
    package = _mlx_lm()
    path = package / "models" / f"{_remapped(package).get(model_type, model_type)}.py"
    return path.read_text("utf-8") if path.is_file() else ""


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

"""Names of adapters: what may be one, and one to offer for a set of traces."""

import re
from collections.abc import Collection

MAX_NAME = 80
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}")


def allowed(name: str) -> bool:
    """Whether a name has the form of an adapter's name."""
    return _NAME.fullmatch(name) is not None


def problem(name: str, taken: Collection[str], coming: Collection[str] = ()) -> str:
    """Why an adapter can't be called so, as a sentence; empty when it can. taken: names of adapters there are; coming:
    of those that runs are making."""
    if not name:
        return "The adapter needs a name."
    if not allowed(name):
        return f"A name has up to {MAX_NAME} letters, digits, dots, dashes and underscores."
    if name.lower() in {other.lower() for other in taken}:
        return f"There is an adapter named {name} already."
    if name.lower() in {other.lower() for other in coming}:
        return f"Another run is making an adapter named {name}."
    return ""


def suggest(traces: str, taken: Collection[str]) -> str:
    """A free name that says what the adapter learned from; empty for no set."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", traces).strip("-._")[: MAX_NAME - 4]
    if not plain:
        return ""
    lower = {other.lower() for other in taken}
    names = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(lower) + 2))
    return next(name for name in names if name.lower() not in lower)

"""Problems to parts, such as training and held-out: all traces of one problem go to one side.

A problem's part follows from a hash of its normalised words and the seed alone, so it stays where it is when a set
grows, and a second set with the same problem puts it on the same side. The problem of a conversation is all that its
user said; one that goes on where another of the set ended stays with that one, whose replies are in it.
"""

import hashlib
from collections.abc import Iterable, Mapping

from models import errors
from models.traces.overlap import words
from models.traces.trace import Trace

HELD_OUT = 0.05  # of the problems, a proposal


def problem_key(problem: str) -> str:
    """A problem without what does not change it: case, white space, punctuation that is no operator."""
    return " ".join(words(problem))


def split(traces: Iterable[Trace], fractions: Mapping[str, float], seed: int = 0) -> dict[str, list[Trace]]:
    """Divide traces by problem. fractions: each part's share of the problems; they add up to 1.

    A part that chance left empty gets the problem that was nearest to it, where there are problems enough; where there
    are not, the first parts have them. Raises BadInput for fractions that are none.
    """
    _check(fractions)
    asked = [(asked_of(trace), trace) for trace in traces]
    whole = {keys for keys, _ in asked}
    groups: dict[str, list[Trace]] = {}
    for keys, trace in asked:
        begun = next(keys[:end] for end in range(1, len(keys) + 1) if keys[:end] in whole)
        groups.setdefault("\x1e".join(begun), []).append(trace)
    places = {key: _place(key, seed) for key in groups}
    parts = {key: _part(place, fractions) for key, place in places.items()}
    for part, share in fractions.items():
        if share > 0 and part not in parts.values():
            _fill(part, fractions, parts, places)
    divided: dict[str, list[Trace]] = {part: [] for part in fractions}
    for key, group in groups.items():
        divided[parts[key]] += group
    return divided


def asked_of(trace: Trace) -> tuple[str, ...]:
    """All that the user of a conversation said, in the form in which problems are compared."""
    said = [turn.content for turn in trace.turns if turn.role == "user"]
    return tuple(map(problem_key, [*said, trace.problem]))


def _place(key: str, seed: int) -> float:
    """A number from 0 to 1, evenly spread over problems."""
    digest = hashlib.blake2b(f"{seed}\x1f{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def _part(place: float, fractions: Mapping[str, float]) -> str:
    upper = 0.0
    shares = [(part, share) for part, share in fractions.items() if share > 0]
    for part, share in shares:
        upper += share
        if place < upper:
            return part
    return shares[-1][0]


def _fill(part: str, fractions: Mapping[str, float], parts: dict[str, str], places: Mapping[str, float]) -> None:
    names = list(fractions)
    middle = sum(fractions[name] for name in names[: names.index(part)]) + fractions[part] / 2
    held = list(parts.values())
    # of parts that come later even the last one: learning goes before measuring
    spare = [key for key in parts if held.count(parts[key]) > 1 or names.index(parts[key]) > names.index(part)]
    if spare:
        parts[min(spare, key=lambda key: (abs(places[key] - middle), key))] = part


def _check(fractions: Mapping[str, float]) -> None:
    if not fractions or min(fractions.values()) < 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise errors.BadInput("The shares of a split must be 0 or more and add up to 1.")

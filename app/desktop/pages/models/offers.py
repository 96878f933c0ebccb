"""Offers of the catalog in words and figures for the table: second line, published score, the memory they need."""

from collections.abc import Sequence

from models import quantities, recipes
from models.library.catalog import Offer, Score, Variant
from models.library.fit import LEAST

SHOWN_BENCHMARK = "MATH-500"


def second_line(offer: Offer, tag: str) -> str:
    """Base, licence and how it thinks. tag: the family's opening tag, empty when it was not trained to think."""
    entry = offer.entry
    parts = [f"{entry.base} base" if entry.base else "", entry.licence, f"thinks in {tag}" if tag else ""]
    return " · ".join(part for part in [*parts, "gated" if entry.gated else ""] if part)


def score(offer: Offer) -> Score | None:
    """The published score that the table compares by; one of a single try before one of a vote."""
    named = [score for score in offer.entry.scores if score.benchmark == SHOWN_BENCHMARK]
    return named[0] if named else None


def score_said(offer: Offer) -> str:
    """Where the scores come from, for a tooltip."""
    if not offer.entry.scores:
        return f"No {SHOWN_BENCHMARK} score was published."
    return "\n".join(f"{s.benchmark} {s.value:g}: {s.source}; {s.how}" for s in offer.entry.scores)


def shown_choice(offer: Offer) -> Variant:
    """The variant that a click gets: the recommended one, or what would be recommended where there is more memory."""
    named = next((choice for choice in offer.choices if choice.recipe == LEAST), offer.choices[0])
    return offer.recommended or named


def choice_title(choice: Variant) -> str:
    """What a variant is called."""
    return recipes.parse(choice.recipe).title if choice.recipe else "The original, not quantized"


def too_big(choice: Variant, room_bytes: int, where: str) -> str:
    """The question before something is got that can't run here."""
    needed, room = quantities.size(choice.needed_bytes), quantities.size(room_bytes)
    return f"{choice_title(choice)} needs {needed}, {where}’s limit is {room}. Get it all the same?"


def best_that_fits(offers: Sequence[Offer]) -> Offer | None:
    """The offer for a first run: of those that fit with ease, the one with the best published score."""
    fitting = [offer for offer in offers if offer.state == "fits" and not offer.entry.built_in and score(offer)]
    return max(fitting, key=_value, default=None)


def _value(offer: Offer) -> tuple[float, int]:
    found = score(offer)
    # of two that score the same the smaller one is quicker
    return (found.value if found else 0.0, -offer.memory_bytes)

"""How weights that are no number, or too large for a narrower type, are refused before anything is made of them."""

from models import errors

_LARGEST = {"float16": "65,504", "bfloat16": "3.4e38", "float32": "3.4e38"}


def no_number(whose: str, name: str) -> errors.Corrupt:
    """For NaN and infinity. whose: the model or adapter with the weight."""
    text = f"{whose} is damaged: its weight {name} holds what is no number."
    return errors.Corrupt(text, "Download, copy or make it again.")


def too_large(whose: str, name: str, dtype: str) -> errors.Unsupported:
    """For a number that a type can't hold. dtype: as in float16."""
    most = f", which ends at {_LARGEST[dtype]}" if dtype in _LARGEST else ""
    text = f"{whose} can't be written in {dtype}{most}: its weight {name} holds a larger number."
    return errors.Unsupported(text, "Keep the original, whose type is wider.")

"""The answer in a reply: found, brought to one form in which equal answers are equal, and elected among several."""

__all__ = ["canonical", "known", "majority"]

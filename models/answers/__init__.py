"""The answer in a reply: found, brought to one form in which equal answers are equal, elected among several, verified."""

__all__ = ["canonical", "formula_child", "known", "majority", "program_child", "same", "tags", "verdict", "verify"]

"""A model in memory and what it says: loading, the chat template, thinking under a budget, replies and votes."""

__all__ = [
    "drawing", "load", "pool", "reply", "sampling", "template", "template_child", "thinking", "tokenizer", "votes",
]  # fmt: skip

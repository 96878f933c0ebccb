"""A model in memory and what it says: loading, the chat template, thinking under a budget, replies and votes."""

__all__ = ["load", "reply", "template", "template_child", "thinking", "tokenizer", "votes"]

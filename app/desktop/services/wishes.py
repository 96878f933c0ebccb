"""What one page asks of another in more than a word: it crosses Page.page_requested as text."""

import msgspec


class EvaluationWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Show the form of a new evaluation, filled in so far."""

    model: str = ""
    adapter: str = ""
    against: str = ""  # a model, or "base" for the model without the adapter
    task: str = ""

    def said(self) -> str:
        """As a subject of page_requested."""
        return msgspec.json.encode(self).decode()


def read_wish(subject: str) -> EvaluationWish:
    """The wish that a subject is."""
    return msgspec.json.decode(subject, type=EvaluationWish)

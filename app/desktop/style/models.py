"""Models: the card of an offer."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
    return f"""
QFrame#offer {{ background: {c.accent_tint}; border: none; border-radius: 10px; }}
"""

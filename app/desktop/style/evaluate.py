"""Evaluate: the verdict on a reply, and tests to be looked at."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
    return f"""
QLabel#verdict {{ font-weight: 600; }}
QLabel#verdict[verdict="right"] {{ color: {c.ok}; }}
QLabel#verdict[verdict="wrong"] {{ color: {c.bad}; }}
QLabel#verdict[verdict="cut"] {{ color: {c.warn}; }}
QPlainTextEdit#tests {{
  background: {c.sunken}; color: {c.text}; border: 1px solid {c.line}; border-radius: 6px; padding: 4px;
}}
"""

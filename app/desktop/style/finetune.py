"""Fine-tune: numbers, a run's status, its answers, charts and log."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
    return f"""
QFrame#status {{ background: {c.sidebar}; border: 1px solid {c.line}; border-radius: 10px; }}
QFrame#status[tone="bad"] {{ background: {c.bad_tint}; }}
QFrame#status[tone="good"] {{ background: {c.accent_tint}; border-color: {c.accent_tint}; }}
QFrame#answer {{ background: {c.sunken}; border: none; border-radius: 8px; }}
QFrame#answer[tone="thinking"] {{ background: {c.thinking_tint}; }}
QTextEdit#thought {{ background: transparent; border: none; color: {c.muted}; }}
QTextEdit#log {{ background: transparent; border: none; color: {c.muted}; font-size: 12px; }}
QLabel#violet {{ color: {c.thinking}; font-size: 11px; }}
QLabel#chart_values {{
  background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; border-radius: 5px; padding: 2px 7px; font-size: 11px;
}}
QLineEdit#number {{ padding: 3px 8px; }}
QLineEdit#number:disabled {{ color: {c.faint}; background: {c.sunken}; }}
QLineEdit#number[wrong="true"] {{ border-color: {c.bad}; color: {c.bad}; }}
QToolButton#fold {{ color: {c.text}; font-weight: 600; padding: 3px 6px 3px 0; }}
"""

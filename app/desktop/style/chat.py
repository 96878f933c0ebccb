"""The chat: how long a model may think."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
    checked = c.text if dark else c.thinking
    return f"""
QFrame#segments {{ background: {c.sunken if not dark else c.window}; border: 1px solid {c.edge}; border-radius: 6px; }}
QPushButton#segment {{
  background: transparent; border: none; border-right: 1px solid {c.line}; border-radius: 0; padding: 3px 11px; min-height: 17px;
}}
QPushButton#segment[last="true"] {{ border-right: none; }}
QPushButton#segment:hover {{ background: {c.selected}; }}
QPushButton#segment:checked {{ background: {c.raised}; color: {checked}; font-weight: 600; border: 1px solid {c.thinking_line}; }}
QPushButton#segment:focus {{ color: {c.accent}; }}
QLineEdit#budget {{
  background: {c.thinking_tint}; border: 1px solid {c.thinking_line}; border-radius: 12px; color: {c.thinking};
  padding: 2px 4px 2px 10px; min-height: 18px;
}}
QLineEdit#budget:focus {{ border-color: {c.thinking}; }}
QLineEdit#budget[wrong="true"] {{ border-color: {c.bad}; color: {c.bad}; }}
"""

"""Traces: the table, the panel of a trace, the sheet of an import."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
    return f"""
QLabel#count_pill {{
  background: {c.sidebar}; border: 1px solid {c.line}; border-radius: 11px; padding: 2px 10px; font-size: 12px;
}}
QTableView#plain_table {{ selection-background-color: transparent; }}
QLabel#panel_title {{ font-weight: 600; }}
QLabel#sheet_title {{ font-size: 17px; font-weight: 600; }}
QLabel#why {{ font-size: 13px; }}
QLabel#fault_small {{ color: {c.bad}; font-size: 11px; }}
QFrame#part {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 10px; }}
QFrame#part[part="problem"] {{ background: {c.sidebar}; }}
QFrame#part[part="thinking"] {{ background: {c.thinking_tint}; border-color: {c.thinking_line}; }}
QPlainTextEdit#trace_text {{ background: transparent; border: none; color: {c.text}; }}
QPlainTextEdit#trace_text:disabled {{ color: {c.faint}; }}
QWidget#see_through_content {{ background: {c.window}; }}
QSplitter#plain_split::handle {{ background: {c.line}; }}
"""

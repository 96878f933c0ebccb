"""The style sheet of the whole application: shapes and colours of everything that is not painted by hand.

Widgets are addressed by object name: `quiet` for a button that is only text, `pill`, `toolbar`, `composer`, and so
on. Kept in one place so that two buttons of the same kind can't drift apart.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.desktop.theme import Colours


def style_sheet(c: "Colours", dark: bool) -> str:
    """The style sheet in a palette."""
    return (
        _menus(c) + _fields(c) + _buttons(c) + _bars(c) + _thinking(c, dark) + _models(c, dark) + _train(c) + _traces(c)
    )


def _menus(c: "Colours") -> str:
    return f"""
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 4px 6px; }}
QMenu {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 5px; }}
QMenu::item {{ padding: 5px 24px 5px 24px; border-radius: 5px; }}
QMenu::item:selected {{ background: {c.accent_tint}; color: {c.text}; }}
QMenu::item:disabled {{ color: {c.faint}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: 5px 8px; }}
QMenuBar {{ background: {c.sidebar}; color: {c.text}; border-bottom: 1px solid {c.line}; padding: 2px 6px; }}
QMenuBar::item {{ background: transparent; padding: 3px 9px; border-radius: 5px; }}
QMenuBar::item:selected {{ background: {c.selected}; }}
QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {c.line}; border-radius: 3px; margin: 2px 3px 2px 2px; min-height: 32px; }}
QScrollBar::handle:horizontal {{ background: {c.line}; border-radius: 3px; margin: 2px 2px 3px 2px; min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ background: none; width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
"""


def _fields(c: "Colours") -> str:
    return f"""
QLineEdit, QSpinBox, QDoubleSpinBox, QDialog QPlainTextEdit {{
  background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; border-radius: 6px; padding: 4px 8px;
  selection-background-color: {c.accent_tint}; selection-color: {c.text};
}}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QDialog QPlainTextEdit:focus {{
  border-color: {c.accent};
}}
QLineEdit#search {{ background: {c.selected}; border: 1px solid transparent; padding: 3px 8px; min-height: 17px; }}
QLineEdit#search:focus {{ background: {c.raised}; border-color: {c.accent}; }}
QLineEdit#rename {{ padding: 1px 4px; border-color: {c.accent}; }}
QLineEdit#jump {{ border: none; background: transparent; font-size: 15px; padding: 10px 12px; }}
QTextEdit#readable, QPlainTextEdit#message, QTextBrowser#help {{ background: transparent; border: none; color: {c.text}; }}
"""


def _buttons(c: "Colours") -> str:
    return f"""
QPushButton {{
  background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; border-radius: 6px; padding: 5px 13px;
}}
QPushButton:hover {{ background: {c.sunken}; }}
QPushButton:pressed {{ background: {c.selected}; }}
QPushButton:disabled {{ color: {c.faint}; }}
QPushButton:focus {{ border-color: {c.accent}; }}
QPushButton:default {{ background: {c.accent}; border-color: {c.accent}; color: {c.window}; font-weight: 600; }}
QPushButton#quiet {{ background: transparent; border: none; color: {c.accent}; font-weight: 600; padding: 3px 8px; }}
QPushButton#quiet:hover, QPushButton#quiet:focus {{ background: {c.selected}; }}
QPushButton#pill {{ border-radius: 12px; padding: 3px 10px; background: {c.sidebar}; min-height: 16px; }}
QPushButton#pill:hover {{ background: {c.sunken}; }}
QPushButton#pill::menu-indicator {{ image: none; }}
QPushButton#example {{
  text-align: left; border-radius: 10px; padding: 11px 14px; background: {c.window}; min-height: 36px;
}}
QPushButton#example:hover {{ background: {c.sidebar}; border-color: {c.faint}; }}
QPushButton#example:focus {{ border-color: {c.accent}; }}
QToolButton {{ background: transparent; border: none; border-radius: 5px; padding: 4px; color: {c.muted}; }}
QToolButton:hover, QToolButton:focus {{ background: {c.selected}; }}
"""


def _bars(c: "Colours") -> str:
    return f"""
QWidget#sidebar {{ background: {c.sidebar}; border-right: 1px solid {c.line}; }}
QWidget#page, QWidget#pages {{ background: {c.window}; }}
QWidget#toolbar {{ background: {c.window}; border-bottom: 1px solid {c.line}; }}
QFrame#notice {{ background: {c.sidebar}; border-bottom: 1px solid {c.line}; }}
QFrame#notice[tone="bad"] {{ background: {c.bad_tint}; }}
QListView#chats, QListView#found {{ background: transparent; border: none; }}
QFrame#jump_card {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 12px; }}
QLabel#muted {{ color: {c.muted}; }}
QLabel#small {{ color: {c.muted}; font-size: 11px; }}
QLabel#hint {{ color: {c.muted}; font-size: 12px; }}
QLabel#fault {{ color: {c.bad}; }}
QProgressBar#loading {{ background: {c.selected}; border: none; border-radius: 2px; }}
QProgressBar#loading::chunk {{ background: {c.accent}; border-radius: 2px; }}
QLabel#heading {{ font-size: 22px; font-weight: 600; }}
QLabel#wordmark {{ font-weight: 700; }}
"""


def _thinking(c: "Colours", dark: bool) -> str:
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


def _models(c: "Colours", dark: bool) -> str:
    return f"""
QPushButton#section {{
  background: transparent; border: none; border-right: 1px solid {c.line}; border-radius: 0; padding: 3px 11px; min-height: 17px;
}}
QPushButton#section[last="true"] {{ border-right: none; }}
QPushButton#section:hover {{ background: {c.selected}; }}
QPushButton#section:checked {{
  background: {c.raised}; color: {c.accent}; font-weight: 600; border: 1px solid {c.accent_tint if not dark else c.edge};
}}
QPushButton#section:focus {{ color: {c.accent}; border: 1px solid {c.accent}; }}
QFrame#card {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 10px; }}
QFrame#offer {{ background: {c.accent_tint}; border: none; border-radius: 10px; }}
QLabel#page_title {{ font-size: 15px; font-weight: 600; }}
QLabel#card_title {{ font-weight: 600; }}
QLabel#column_title {{ color: {c.muted}; font-size: 11px; font-weight: 600; }}
QLabel#warning {{ color: {c.warn}; font-size: 11px; }}
QLabel#drop_hint {{
  background: {c.raised}; color: {c.accent}; border: 2px dashed {c.accent}; border-radius: 12px; font-size: 15px;
}}
QScrollArea#see_through, QTableView#plain_table, QListView#plain_list, QTableView#plain_table QHeaderView {{ background: transparent; border: none; }}
"""


def _train(c: "Colours") -> str:
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


def _traces(c: "Colours") -> str:
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

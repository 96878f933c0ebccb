"""What more than one page shows: menus, fields, buttons, bars, cards, sections, tables without a frame."""

from app.desktop.palette import Colours


def sheet(c: Colours, dark: bool) -> str:
    """The rules in a palette."""
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
QLabel#page_title {{ font-size: 15px; font-weight: 600; }}
QLabel#card_title {{ font-weight: 600; }}
QLabel#column_title {{ color: {c.muted}; font-size: 11px; font-weight: 600; }}
QLabel#warning {{ color: {c.warn}; font-size: 11px; }}
QLabel#drop_hint {{
  background: {c.raised}; color: {c.accent}; border: 2px dashed {c.accent}; border-radius: 12px; font-size: 15px;
}}
QScrollArea#see_through, QTableView#plain_table, QListView#plain_list, QTableView#plain_table QHeaderView {{ background: transparent; border: none; }}
"""

"""The application's style sheet: shapes and colours of everything that is not painted by hand, a file a page.

Widgets are addressed by object name: `quiet` for a button that is only text, `pill`, `toolbar`, `composer`, and so
on. Two buttons of the same kind share a rule and can't drift apart.
"""

from app.desktop.palette import Colours
from app.desktop.style import base, chat, evaluate, finetune, models, traces

PARTS = (base, chat, models, finetune, traces, evaluate)


def style_sheet(c: Colours, dark: bool) -> str:
    """The style sheet in a palette."""
    return "".join(part.sheet(c, dark) for part in PARTS)

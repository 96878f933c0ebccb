"""The colours of the window, light and dark: a calm Mac app, one accent for actions, one for thinking."""

import msgspec


class Colours(msgspec.Struct, frozen=True):
    """The palette of one scheme, as #rrggbb."""

    window: str  # behind everything, the transcript too
    sidebar: str
    raised: str  # cards, menus, fields
    sunken: str  # user bubbles, code headers, segments
    line: str  # hairlines
    edge: str  # borders of cards and controls
    text: str
    muted: str  # secondary text
    faint: str  # placeholders, key hints
    selected: str  # the chosen row of a list
    accent: str  # copper: actions
    accent_tint: str
    thinking: str  # violet: thinking
    thinking_tint: str
    thinking_line: str
    ok: str
    warn: str
    bad: str
    bad_tint: str


LIGHT = Colours(
    window="#ffffff",
    sidebar="#f4f3ef",
    raised="#ffffff",
    sunken="#f0efea",
    line="#e2e0da",
    edge="#d3d1ca",
    text="#1d1d1f",
    muted="#6d6c68",
    faint="#a3a19b",
    selected="#e4e3de",
    accent="#b4551d",
    accent_tint="#ebddd3",
    thinking="#6b5ca5",
    thinking_tint="#faf9fe",
    thinking_line="#d8d3ea",
    ok="#2f7d4f",
    warn="#9a6410",
    bad="#b3372c",
    bad_tint="#fbeeec",
)
DARK = Colours(
    window="#1e1e20",
    sidebar="#28282b",
    raised="#2a2a2d",
    sunken="#313134",
    line="#3d3d41",
    edge="#4a4a4f",
    text="#ececee",
    muted="#a0a0a5",
    faint="#77777c",
    selected="#3a3a3e",
    accent="#e08a4f",
    accent_tint="#3d2e27",
    thinking="#a99be0",
    thinking_tint="#26242f",
    thinking_line="#45405c",
    ok="#69b587",
    warn="#d6a24e",
    bad="#ef8277",
    bad_tint="#3a2725",
)

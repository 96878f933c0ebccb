"""Names that come from outside, of files, models and chats, as they may be shown."""

import re

# They turn the direction of what follows, and so let "gpj.exe" be read as "exe.jpg".
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def plain(name: str) -> str:
    """A name with the marks that would turn its reading direction shown as what they are, as in ⟨U+202E⟩."""
    return _TURNS.sub(lambda mark: f"⟨U+{ord(mark[0]):04X}⟩", name) if not name.isascii() else name

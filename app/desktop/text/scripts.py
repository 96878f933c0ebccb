"""Scripts of the world, as far as the layout must know them: written without spaces, and read from the right."""

import re

# East Asian letters and full-width marks, and the scripts of South East Asia: no space parts a word from its neighbour.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u303f\u3040-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff00-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Hebrew, Arabic, Syriac, Thaana, N'Ko and their kin.
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_NO_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|\$[^$\n]+\$|\\\([^\n]*?\\\)|\b\w+://\S+|<br */?>", re.DOTALL)


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a script whose words stand without spaces between them."""
    return bool(_UNSPACED.match(char))


def has_right_to_left(text: str) -> bool:
    """Whether any letter of a text is read from the right."""
    return not text.isascii() and bool(_FROM_THE_RIGHT.search(text))


def reads_from_right(text: str) -> bool:
    """Whether prose is read from the right: by its first letter, or by most of them, for a term may come first.

    Code, formulas and addresses are read from the left anywhere and do not count.
    """
    if not has_right_to_left(text):
        return False
    letters = [char for char in _NO_PROSE.sub("", text) if char.isalpha()]
    right = sum(bool(_FROM_THE_RIGHT.match(char)) for char in letters)
    return bool(right) and (2 * right > len(letters) or bool(_FROM_THE_RIGHT.match(letters[0])))

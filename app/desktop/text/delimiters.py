r"""Where formulas begin and end in text: \(…\), \[…\], $…$, $$…$$ and bare environments, but not "costs $5 and $7".

A dollar opens only before a character that is no space, and closes only after one and not before a digit, as in
Pandoc, nor where it begins a variable of a shell. What is not closed yet is no formula: it is shown as source until the rest has come.
"""

import re
from dataclasses import dataclass

ENVIRONMENTS = (
    r"equation|align|aligned|gather|gathered|alignat|alignedat|flalign|multline|eqnarray|split|d?cases"
    r"|[bpvBV]?matrix|array"
)
_BEGIN = re.compile(rf"\\begin\{{({ENVIRONMENTS})(\*?)\}}")
# A variable of a shell begins where the formula would end: $HOME/bin:$PATH, ${A}/${B}, $user@$host.
_VARIABLE = re.compile(r"[A-Z_]{2,}|\{\w+\}|(?<=[/:@.,=+<>(\[|&;\"'-]\$)[A-Za-z_]")
_PRICE = re.compile(r"\d[\d.,]*\s+[a-zA-Z]{2,}")
_LONGEST = 4000
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Found:
    """A formula in a text: text[start:end] is its source."""

    tex: str
    end: int
    display: bool


def formula_at(text: str, start: int, stop: int) -> Found | None:
    """The formula that begins at a position and ends before stop, if there is one."""
    if text.startswith("$$", start):
        return _until(text, start + 2, "$$", stop, True)
    if text[start] == "$":
        return _dollars(text, start, stop)
    if text.startswith(r"\(", start):
        return _until(text, start + 2, r"\)", stop, False)
    if text.startswith(r"\[", start):
        return _until(text, start + 2, r"\]", stop, True)
    if begin := _BEGIN.match(text, start, stop):
        end = text.find(f"\\end{{{begin[1]}{begin[2]}}}", begin.end(), min(stop, start + _LONGEST))
        if end >= 0:
            end += len(begin[0]) - 2
            return Found(text[start:end], end, True)
    return None


def _until(text: str, begin: int, mark: str, stop: int, display: bool) -> Found | None:
    end = text.find(mark, begin, min(stop, begin + _LONGEST))
    tex = text[begin:end] if end >= 0 else ""
    if not tex.strip() or _BLANK.search(tex):
        return None
    return Found(tex.strip(), end + len(mark), display)


def _dollars(text: str, start: int, stop: int) -> Found | None:
    begin = start + 1
    if begin >= stop or text[begin].isspace():
        return None
    end = text.find("$", begin, min(stop, begin + _LONGEST))
    while end > 0 and text[end - 1] == "\\":
        end = text.find("$", end + 1, min(stop, begin + _LONGEST))
    if end < 0 or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit() or _VARIABLE.match(text, end + 1):
        return None
    tex = text[begin:end]
    if not tex or _BLANK.search(tex) or _PRICE.match(tex):
        return None
    return Found(tex, end + 1, False)

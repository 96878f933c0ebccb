"""How much of a trace is in another script than its problem: R1 models slip into Chinese in the middle of a thought.

Letters are counted by script. Greek is mathematics everywhere and never counted. Latin is what formulas and code are
written in, so beside a problem in another script only a trace that is mostly Latin is called mixed.
"""

import re

LATIN_SHARE = 0.5  # of a trace whose problem is in another script

# Ranges of the scripts that reasoning models write in. Kana and Han are one here: Japanese is written in both.
_SCRIPTS = {
    "Latin": "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ",
    "Cyrillic": "Ѐ-ԯ",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Hebrew": "\u0590-\u05ff",
    "Devanagari": "ऀ-ॿ",
    "Bengali": "ঀ-৿",
    "Thai": "ก-๛",
    "Hangul": "ᄀ-ᇿ가-힣",
    "Chinese or Japanese": "぀-ヿ㐀-䶿一-鿿",
}
_OTHERS = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items() if name != "Latin"}
_ANY_OTHER = re.compile(f"[{''.join(ranges for name, ranges in _SCRIPTS.items() if name != 'Latin')}]")
_ASCII = bytes(range(128))
_LETTERS = re.compile(r"[^\W\d_]")
_FEW = 0.1  # a script with less of the problem's letters is not the problem's


def mixed(problem: str, text: str, most: float) -> str:
    """A sentence when more than the share `most` (0 to 1) of a text's letters is in a script that its problem is not in."""
    if text.isascii() and problem.isascii():
        return ""
    others, asked = _count_others(text), _count_others(problem)
    if not others and not asked:
        return ""
    latin_asked = _count_latin(problem)
    of_problem = {name for name, n in asked.items() if n >= _FEW * (sum(asked.values()) + latin_asked)}
    foreign = {name: n for name, n in others.items() if name not in of_problem}
    if not foreign and (not of_problem or latin_asked >= sum(asked.values())):
        return ""
    latin = _count_latin(text)
    letters = max(1, latin + sum(others.values()))
    name = max(foreign, key=lambda name: foreign[name], default="")
    if foreign and sum(foreign.values()) > most * letters:
        return _say(sum(foreign.values()) / letters, name)
    if of_problem and latin_asked < sum(asked.values()) and latin > max(LATIN_SHARE, most) * letters:
        return _say(latin / letters, "Latin")
    return ""


def _say(share: float, name: str) -> str:
    return f"{max(1, round(100 * share))} % of its letters are {name}, and the problem's are not."


def _count_others(text: str) -> dict[str, int]:
    """Letters of each script but Latin."""
    # ASCII goes first, at memory speed: mathematics in English has a sign here and there and nothing to count
    rest = text.encode("utf-8", "replace").translate(None, _ASCII).decode()
    if not _ANY_OTHER.search(rest):
        return {}
    return {name: n for name, pattern in _OTHERS.items() if (n := len(pattern.findall(rest)))}


def _count_latin(text: str) -> int:
    return len(_LETTERS.findall(text)) - sum(len(pattern.findall(text)) for pattern in _OTHERS.values())

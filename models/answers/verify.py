"""Is an answer right? One function for all kinds of gold answers, with the reason in a sentence.

Kinds: "math" compares values and formulas, "number" measured quantities with unit and tolerance, "choice" a letter or
the text it stands for, "exact" normalised text, "several" parts in any order, "python" runs the answer against tests.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from models.answers import canonical, equality, extract, formulas, measures, programs, structure, tags
from models.answers.notation import is_formula, one_notation
from models.answers.verdict import KINDS, Kind, Verdict
from models.errors import BadInput

LONGEST_SHOWN = 2000  # characters of an answer in a verdict
LONGEST_READ = 1 << 20  # characters of a reply; of a longer one its end is read

Gold = str | int | float | Sequence[str | int | float] | None

CUT = "The reply was cut before it was whole."
OPEN = "Its thinking never closed."
NOTHING = "It gives no answer."
EQUAL = "Equal."


def verify(
    answer: str,
    gold: Gold,
    kind: Kind = "math",
    *,
    problem: str = "",
    unit: str = "",
    tolerance: float | None = None,
    choices: Sequence[str] | Mapping[str, str] = (),
    tests: str | Sequence[str] = (),
    cut: bool = False,
) -> Verdict:
    """Judge a reply, or its answer alone, against the gold answer.

    answer: its thinking may stand before it, in the tags of any family. problem: decides whether a number without sign
    is a percentage. unit: the problem's, of a number; tolerance: relative. choices: texts in the order of their letters.
    tests: Python statements that assert; without any, the gold is them. cut: the reply ended at a limit. Never raises
    for what an answer contains; raises BadInput for a gold or a kind that can't be read.
    """
    if kind not in KINDS:
        raise BadInput(f"There is no verifier {kind!r}.", f"Choose one of {', '.join(KINDS)}.")
    wanted = gold_text(gold)
    if why := unreadable(gold, kind, unit=unit, choices=choices, tests=tests):
        raise BadInput(f"The gold answer can't be read: {why}.")
    answer = answer[-LONGEST_READ:]
    text = tags.answer_of(answer if answer.isascii() else answer.encode("utf-8", "replace").decode())
    if cut or text is None:
        reason = CUT if text is not None else OPEN
        return Verdict(correct=None, answer="", gold=wanted, kind=kind, reason=reason)
    if not text.strip():
        return Verdict(correct=False, answer="", gold=wanted, kind=kind, reason=NOTHING)
    match kind:
        case "math":
            correct, taken, reason = _math(text, wanted, problem)
        case "number":
            correct, taken, reason = _number(text, wanted, unit, tolerance)
        case "choice":
            correct, taken, reason = _choice(text, wanted, choices)
        case "exact":
            correct, taken, reason = _exact(text, wanted)
        case "several":
            correct, taken, reason = _several(text, gold)
        case "python":
            correct, taken, reason = _python(text, _tests(tests, wanted))
    return Verdict(correct=correct, answer=taken[:LONGEST_SHOWN], gold=wanted, kind=kind, reason=reason)


Judged = tuple[bool, str, str]  # correct, what was taken, reason


def gold_text(gold: Gold) -> str:
    """A gold answer as text; several are joined by commas."""
    if isinstance(gold, str):
        return gold.strip()
    if gold is None:
        return ""
    if isinstance(gold, bool):
        return str(gold).lower()
    if isinstance(gold, int | float):
        return str(int(gold)) if isinstance(gold, float) and gold.is_integer() else str(gold)
    return ", ".join(gold_text(part) for part in gold)


def unreadable(
    gold: Gold,
    kind: Kind,
    *,
    unit: str = "",
    choices: Sequence[str] | Mapping[str, str] = (),
    tests: str | Sequence[str] = (),
) -> str:
    """Why a verifier can't use a gold answer; "" when it can."""
    text = gold_text(gold)
    if kind == "python":
        return _unreadable_tests(_tests(tests, text))
    if not text:
        return "it is empty"
    if kind == "math":
        return _unreadable_formula(text)
    if kind == "number":
        known = _quantity(text) or _last_quantity(text)
        if known is None:
            return "it is no number"
        for named in (unit, known.unit):
            if named and not measures.is_unit(measures.spelled(named)) and named == unit:
                return f"the unit {named!r} is not known"
    if kind == "choice" and choices and _chosen(text, _lettered(choices)) is None:
        return "it is none of the choices"
    if kind == "several" and not _parts(gold):
        return "it has no parts"
    return ""


@lru_cache(4096)
def _unreadable_formula(gold: str) -> str:
    taken = _gold_taken(gold)
    if not equality.form_of(taken):
        return "it says nothing"
    if len(taken) > equality.LONGEST:
        return "it is too long"
    if "\\" in taken and not _is_balanced(taken):
        return "its braces do not match"
    return ""


def _math(text: str, gold: str, problem: str) -> Judged:
    boxed = extract.last_boxed(text)
    if boxed is not None and len(boxed) > equality.LONGEST and boxed != gold:
        return False, boxed, f"The answer has {len(boxed):,} characters, more than any that is read."
    taken, wanted = canonical.taken(text) if boxed is None else one_notation(boxed), _gold_taken(gold)
    shown = taken if boxed is None else boxed
    if problem:
        taken, wanted = _as_asked(taken, wanted, problem)
    found = equality.equal(taken, wanted)
    if not found and boxed is None and not is_formula(normal(gold)) and (said := _exact(text, gold))[0]:
        return said  # a gold of words, which is looked for by what is said and not by a number that ends it
    if found:
        return True, shown, EQUAL
    if found is None:
        return _by_algebra(taken, wanted, shown)
    if not equality.form_of(taken):
        return False, shown, NOTHING
    if len(taken) > equality.LONGEST:
        return False, shown, f"The answer has {len(taken):,} characters, more than any that is read."
    return False, shown, "It is another value."


def _by_algebra(taken: str, wanted: str, shown: str) -> Judged:
    finding = formulas.compare(taken, wanted)
    match finding.fault:
        case "too slow":
            return False, shown, f"The answer can't be computed within {formulas.SECONDS:g} s."
        case "too large":
            return False, shown, "The answer needs more memory to be computed than any should."
        case "too long":
            return False, shown, f"The answer is a formula of {len(taken):,} characters, more than any that is read."
        case "failed":
            return False, shown, "The answer is no formula that can be compared."
    if finding.unread == "answer":
        return False, shown, "The answer can't be read as a formula."
    if finding.unread:
        return False, shown, "The gold answer can't be read as a formula, and the answer is not the same text."
    return bool(finding.equal), shown, "Equal by algebra." if finding.equal else "It is another value."


def gold_answer(gold: str) -> str:
    """The answer in a gold: of a reference solution that ends in \\boxed{} or after ####, that alone."""
    return extract.final_answer(gold).strip() if "####" in gold or extract.last_boxed(gold) is not None else gold


@lru_cache(4096)
def _gold_taken(gold: str) -> str:
    return one_notation(gold_answer(gold))


_ASKS_PERCENT = re.compile(
    r"(?:what|which|how many)\s+percent|as an? (?:percent|percentage)|percentage\b|in percent\b", re.IGNORECASE
)
_ASKS_DECIMAL = re.compile(r"as an? (?:decimal|(?:common )?fraction)|in decimal form", re.IGNORECASE)


def _as_asked(taken: str, wanted: str, problem: str) -> tuple[str, str]:
    """Numbers without a sign as percentages where the problem asks for one."""
    if problem and _ASKS_PERCENT.search(problem) and not _ASKS_DECIMAL.search(problem):
        taken, wanted = (
            f"{text}%" if equality.value_of(text) is not None and "%" not in text else text for text in (taken, wanted)
        )
    return taken, wanted


def _number(text: str, gold: str, unit: str, tolerance: float | None) -> Judged:
    known = _quantity(gold) or _last_quantity(gold)
    assert known is not None, "checked by unreadable"
    asked = known.unit or unit
    wanted = known.value
    if unit and known.unit and (converted := measures.in_unit(known.value, known.unit, unit)) is not None:
        wanted, asked = converted, unit
    taken = canonical.taken(text)
    found = _quantity(text) or _computed(taken) or _last_quantity(text)
    if found is None:
        return False, taken, "The answer is no number."
    if tolerance is None:
        whole = found.value.denominator == wanted.denominator == 1 and not found.unit
        tolerance = 0.0 if whole else measures.TOLERANCE  # a count is right or wrong
    value_in, why = _in_asked_unit(found, asked)
    if value_in is None:
        return False, taken, why
    if measures.close(value_in, wanted, tolerance):
        return True, taken, "Equal within the tolerance." if value_in != wanted else EQUAL
    off = f"{float(abs(value_in - wanted) / abs(wanted)):.2g}" if wanted else ""
    return False, taken, f"It is off by {off} of the gold answer." if off else "It is not zero."


def _in_asked_unit(found: measures.Quantity, asked: str) -> tuple[Fraction | None, str]:
    if not found.unit:
        return found.value, ""
    ours, theirs = measures.spelled(found.unit), measures.spelled(asked)
    if {ours, theirs} <= {"C", "F", "K", "kelvin", "degC", "degF"}:  # neither coulombs nor farads
        ours, theirs = (f"deg{name}" if name in ("C", "F") else name for name in (ours, theirs))
    if ours == theirs:
        return found.value, ""
    if not measures.is_unit(ours):
        if not theirs or not measures.is_unit(theirs):
            return found.value, ""  # things that are counted
        return None, f"The unit {found.unit!r} is not known."
    if not theirs and ours != "percent":
        return found.value, ""  # the problem has one that the task does not name
    converted = measures.in_unit(found.value, ours, theirs)
    if converted is None:
        return None, f"{found.unit} is no unit for what is asked in {asked}."
    return converted, ""


def _quantity(text: str) -> measures.Quantity | None:
    """The quantity that a text states: the whole of what is taken, else what is said to be the answer at its end."""
    boxed = extract.last_boxed(text)
    for candidate in (boxed, extract.stated(text), text) if boxed is None else (boxed,):
        if candidate is not None and (found := measures.quantity(one_notation(candidate))) is not None:
            return found
    return None


def _computed(taken: str) -> measures.Quantity | None:
    """A formula that is a number, perhaps with a unit behind it."""
    split = _FORMULA_AND_UNIT.fullmatch(taken)
    unit = split[2] if split and measures.is_unit(measures.spelled(split[2])) else ""
    formula = split[1] if split and unit else taken
    if not formula or not is_formula(formula.casefold()):
        return None
    value = formulas.evaluate(formula).value
    return None if value is None else measures.Quantity(Fraction(value), unit)


def _last_quantity(text: str) -> measures.Quantity | None:
    """The quantity that a text ends in."""
    if extract.last_boxed(text) is not None:
        return None
    last = _LAST_QUANTITY.search(one_notation(text[-extract.LAST_WORDS :]))
    return measures.quantity(last[1]) if last else None


_FORMULA_AND_UNIT = re.compile(r"(.*[^\s])(?:\s+|(?=\\text|\\mathrm))([^\s0-9+=-][^+=]{0,60})", re.DOTALL)
_LAST_QUANTITY = re.compile(
    r"(?<![\w.,/^-])(-?[0-9][0-9.,]*(?:\s*\\cdot\s*10\^\{?-?[0-9]+\}?)?(?:\s*(?:\\(?:text|mathrm)\{[^{}]*\}|[a-zA-Z°%Ωµ/^{}0-9\\.-]+)){0,6})[\s.*$\\)]*$"
)


# A letter that stands alone; A and I where they begin no sentence.
_LETTER = re.compile(r"(?<![a-zA-Z])\(?([B-HJ-Z]|[AI](?!\s+[a-z])|[AI](?=\s+(?:or|and)\b))\)?(?![a-zA-Z'])")
_CHOICE_STATED = re.compile(
    r"(?:\banswer\b|\bchoice\b|\boption\b|\bcorrect\b)[^A-Za-z\n]{0,10}(?:(?:is|option|choice|answer)\b[^A-Za-z\n]{0,10}){0,3}"
    r"[\"'({\[*_$\s]*(?:\\text(?:bf)?\{\s*\(?)?([A-Za-z])(?![A-Za-z'])|^[\s*_(]*([A-Z])(?:[).:]+\s|[\s*).]*$)"
    r"|\b(?:so|thus|hence|therefore),?\s+\(?([A-Z])\)?[.!*\s]*$",
    re.IGNORECASE | re.MULTILINE,
)


def _lettered(choices: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(choices, Mapping):
        return {str(letter).strip(" ().").upper(): text for letter, text in choices.items()}
    return {chr(ord("A") + index): text for index, text in enumerate(choices)}


def _choice(text: str, gold: str, choices: Sequence[str] | Mapping[str, str]) -> Judged:
    lettered = _lettered(choices)
    wanted = _chosen(gold, lettered) or normal(gold)
    said = _choice_said(text, lettered)
    if said is None:
        return False, text.strip(), "It names none of the choices."
    if said == wanted:
        return True, said, EQUAL
    return False, said, f"It chooses {said}, not {wanted}."


def _chosen(text: str, lettered: Mapping[str, str]) -> str | None:
    """The letter that a text is or stands for."""
    bare = re.sub(r"\\[ ,;:!]", " ", re.sub(r"\\(?:text(?:bf|rm)?|mathrm|mathbf)\s*|[{}$]", "", text)).strip()
    letter = re.fullmatch(r"\(?\s*([A-Za-z])\s*[).:]?(?:\s+(.*))?", bare, re.DOTALL)
    upper = letter[1].upper() if letter else ""
    if letter and (upper in lettered or not lettered) and (not letter[2] or _opens(letter, lettered)):
        return upper
    for name, said in lettered.items():
        if normal(said) == normal(bare) or equality.equal(one_notation(bare), one_notation(said)):
            return name
    return None


def _opens(letter: re.Match[str], lettered: Mapping[str, str]) -> bool:
    """Whether "B) the text" repeats the text of its letter, or is marked as a letter."""
    return bool(re.match(r"\(?\s*[A-Za-z]\s*[).:]", letter.group())) or normal(letter[2]) == normal(
        lettered.get(letter[1].upper(), "")
    )


def _choice_said(text: str, lettered: Mapping[str, str]) -> str | None:
    if (boxed := extract.last_boxed(text)) is not None:
        return _chosen(boxed, lettered)
    if (chosen := _chosen(text, lettered)) is not None:
        return chosen
    stated: list[str] = [
        next(filter(None, found.groups())) for found in _CHOICE_STATED.finditer(text[-extract.LAST_WORDS :])
    ]
    for letter in (name.upper() for name in reversed(stated)):
        if not lettered or letter in lettered:
            return letter
    if (said := extract.stated(text)) is not None and (chosen := _chosen(said, lettered)) is not None:
        return chosen
    last = text.strip().splitlines()[-1]
    letters = {letter for letter in _LETTER.findall(last) if letter in lettered or not lettered}
    words = normal(last)
    letters |= {
        name for name, choice in lettered.items() if re.search(rf"(?<!\w){re.escape(normal(choice))}(?!\w)", words)
    }
    return letters.pop() if len(letters) == 1 else None


def _exact(text: str, gold: str) -> Judged:
    wanted = normal(gold)
    last = text.strip().splitlines()[-1]
    ending = re.search(rf"(?:\b(?:is|was|be|are)|[:=→])\s+((?:\S+\s+){{{len(wanted.split()) - 1}}}\S+)$", last)
    for candidate in (extract.last_boxed(text), extract.stated(text), ending and ending[1], last, text):
        if candidate is not None and normal(candidate) == wanted:
            return True, candidate.strip(), EQUAL
    taken = extract.last_boxed(text) or extract.stated(text) or text.strip()
    return False, taken, "It is another text."


@lru_cache(4096)
def normal(text: str) -> str:
    """Text as it is compared: one form of Unicode, lower case, single spaces, without marks around it."""
    text = re.sub(r"\\(?:text(?:bf|it|rm)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", text.strip().strip("$"))
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return " ".join(text.split()).strip(" .,;:!?*_`\"'")


_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-"})


def _several(text: str, gold: Gold) -> Judged:
    wanted = _parts(gold)
    boxes = _all_boxed(text)
    taken = canonical.taken(text)
    given = _parts(taken)
    if len(boxes) > 1 and len(given) == 1:
        given = [one_notation(box) for box in boxes[-len(wanted) :]]
        taken = ", ".join(given)
    if len(given) != len(wanted):
        return False, taken, f"It has {len(given)} parts, not {len(wanted)}."
    found = equality.in_any_order(given, wanted, _equal_part)
    return bool(found), taken, EQUAL if found else "A part is not among them."


def _equal_part(answer: str, gold: str) -> bool:
    found = equality.equal(answer, gold)
    if found is None:
        found = bool(formulas.compare(answer, gold).equal)
    return found or normal(answer) == normal(gold)


def _parts(gold: Gold) -> list[str]:
    if isinstance(gold, int | float):
        return [gold_text(gold)]
    if gold is not None and not isinstance(gold, str):
        return [one_notation(gold_text(part)) for part in gold]
    gold = gold or ""
    whole = structure.parts(_gold_taken(gold))
    parts = [part for part in re.split(r"\n+(?:[-*•]|[0-9]+[.)])?\s*", gold.strip()) if part.strip()]
    if whole.shape in structure.UNORDERED or whole.shape == "tuple" or len(parts) == 1:
        return list(whole.parts)
    return [one_notation(part) for part in parts]


def _all_boxed(text: str) -> list[str]:
    boxes: list[str] = []
    rest = text
    while (at := rest.rfind("\\boxed")) >= 0 and len(boxes) < structure.MOST_PARTS:
        if (box := extract.last_boxed(rest[at:])) is not None:
            boxes.append(box)
        rest = rest[:at]
    return boxes[::-1]


def _tests(tests: str | Sequence[str], gold: str) -> list[str]:
    if isinstance(tests, str):
        tests = [tests] if tests.strip() else []
    return [test for test in tests or [gold] if test.strip()]


def _unreadable_tests(tests: list[str]) -> str:
    if not tests:
        return "it has no tests"
    for test in tests:
        try:
            compile(test, "<test>", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "its tests are no Python"
    return ""


def _python(text: str, tests: list[str]) -> Judged:
    code = programs.program_in(text)
    outcome = programs.run(code, tests)
    if outcome.passed:
        return True, code, f"All {outcome.done} tests hold." if outcome.done != 1 else "The test holds."
    if outcome.failed:
        return False, code, f"Test {outcome.done + 1} of {len(tests)} fails: {outcome.said}."
    return False, code, f"The program failed: {outcome.said.rstrip('.')}."


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in re.sub(r"\\[{}]", "", text):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def reader(kind: Kind) -> Callable[[str], str]:
    """How an answer of a kind is brought to the form in which votes count it: one for what the verifier takes for the same."""
    return _READERS.get(kind, canonical.canonical)


_READERS: dict[Kind, Callable[[str], str]] = {
    "exact": lambda text: normal(extract.last_boxed(text) or extract.stated(text) or text),
    "choice": lambda text: _choice_said(text, {}) or normal(text),
}

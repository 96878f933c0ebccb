"""LaTeX to the MathML that draws well: TeX's spacing made explicit.

latex2mathml says which symbols stand where; how far apart they stand it leaves to the renderer, whose table of
operators knows no context: it would set the minus of `b = -5` like that of `a - 5`. So every row gets TeX's
classes (The TeXbook, chapter 18: ord, op, bin, rel, open, close, punct, inner) and the gaps between them are written
into the tree. Hostile formulas are refused by length, depth and size before they can cost time.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

MAX_LENGTH = 4000
MAX_DEPTH = 24
MAX_NODES = 2000
MAX_CELLS = 300
# ziamath takes an em for 4/3 of the font size.
EM = 0.75

FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf injlim ker lcm lg lim "
        "liminf limsup ln log max min Pr projlim sec sin sinh sup tan tanh tr rank sgn",
    )
)
ALIGNED = "gathered|gather|split|equation|align|eqnarray|flalign|x?alignat|alignedat"  # all set as aligned
CLASSES = {
    "rel": "=<>≤≥≠≈≡∼≃≅≐∝∈∉∋⊂⊃⊆⊇⊊⊋→←↔⇒⇐⇔⟹⟸⟺⟶⟵⟷↦⟼≪≫∣∥⊥⊢⊨≺≻⪯⪰≼≽:≔≜∴∵↪⩽⩾≲≳↑↓⇌∤",
    "bin": "+−-±∓×÷·⋅∗*∪∩∖⊕⊗⊖⊙∘∧∨⋆∙•†‡⊔⊓△▽",
    "open": "([{⟨⌊⌈⟦",
    "close": ")]}⟩⌋⌉⟧!?",
    "punct": ",;",
    "op": "∑∏∐∫∬∭∮⋃⋂⨁⨂⋁⋀",
    "inner": "…⋯⋮⋱",
}
CLASS_OF = {char: name for name, chars in CLASSES.items() for char in chars}
# Mathematical units (1/18 em) between neighbours; a minus sign marks gaps that vanish in scripts.
GAPS = {
    "ord": {"op": 3, "bin": -4, "rel": -5, "inner": -3},
    "op": {"ord": 3, "op": 3, "rel": -5, "inner": -3},
    "bin": {"ord": -4, "op": -4, "open": -4, "inner": -4},
    "rel": {"ord": -5, "op": -5, "open": -5, "inner": -5},
    "open": {},
    "close": {"op": 3, "bin": -4, "rel": -5, "inner": -3},
    "punct": dict.fromkeys(("ord", "op", "rel", "open", "close", "punct", "inner"), -3),
    "inner": {"ord": -3, "op": 3, "bin": -4, "rel": -5, "open": -3, "punct": -3, "inner": -3},
}
ROWS = frozenset(("math", "mrow", "mtd", "mpadded", "mphantom", "menclose", "msqrt"))
SCRIPTS = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover"))
BARS = "|‖"
# What \big, \Big, \bigg and \Bigg come as, and what TeX makes of them.
BIG = {"1.2em": 1.2, "1.623em": 1.8, "2.047em": 2.4, "2.470em": 3.0}


class BadFormula(ValueError):
    """The LaTeX cannot be typeset: faulty, unfinished, or too large to be honest."""


def to_mathml(tex: str, display: bool) -> ET.Element:
    """Convert a formula without its delimiters. Raises BadFormula."""
    from ziamath.tex import tex2mml

    source = _clean(tex)
    try:
        root = ET.fromstring(tex2mml(source, inline=not display))
    except Exception as error:  # latex2mathml raises bare IndexError, KeyError and its own classes alike
        raise BadFormula(str(error)) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _refuse_large(root)
    _repair(root)
    _space(root, script=False, display=display)
    return root


def _clean(tex: str) -> str:
    """Trim the source and rewrite what latex2mathml does not take. Raises BadFormula when it is too long or deep."""
    if len(tex) > MAX_LENGTH or tex.count("&") > MAX_CELLS:
        raise BadFormula("The formula is too long.")
    depth = 0
    for token in re.findall(r"\\left|\\right|\\begin|\\end|\\.|[{}]", tex):
        depth += token in ("{", r"\left", r"\begin")
        depth -= token in ("}", r"\right", r"\end")
        if depth > MAX_DEPTH:
            raise BadFormula("The formula is nested too deeply.")
    tex = re.sub(r"(\\begin\{(?:aligned|gathered|alignedat)\})\s*\[[tcb]\]", r"\1", tex)
    tex = re.sub(r"(\\begin\{x?align(?:ed)?at\*?\})\s*\{\d*\}", r"\1", tex)  # how many pairs of columns it has
    tex = re.sub(rf"\\(begin|end)\{{(?:{ALIGNED})\*?\}}", r"\\\1{aligned}", tex)
    tex = re.sub(r"\\(begin|end)\{dcases\*?\}", r"\\\1{cases}", tex)
    tex = re.sub(r"\\(?:label|tag\*?|nonumber|notag)(?:\{[^{}]*\})?", "", tex)
    tex = re.sub(r"\\(?:displaystyle\s*)?(?:limits|nolimits)(?![a-zA-Z])", "", tex)
    # latex2mathml takes no exponent right after an environment.
    tex = re.sub(r"(\\begin\{(\w+)\}(?:(?!\\begin).)*?\\end\{\2\})(?=\s*[_^])", r"{\1}", tex, flags=re.DOTALL)
    # 12,345 is one number, as it is in prose.
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "{,}", tex).strip()


def _refuse_large(root: ET.Element) -> None:
    """Raise BadFormula when the tree would take too long to draw."""
    level, nodes, depth = [root], 0, 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES or depth > 4 * MAX_DEPTH:
            raise BadFormula("The formula is too large.")
        level = [child for element in level for child in element]
    if nodes < 2 or not any(element.text for element in root.iter()):
        raise BadFormula("The formula is empty.")


def _repair(element: ET.Element) -> None:
    """Bring the tree into the shape the renderer takes well, in place."""
    for child in list(element):
        _repair(child)
        if child.tag == "mtext" and not child.text:
            element.remove(child)
    if element.tag in ("mo", "mi") and len(element):
        _unwrap(element)
    _mark_fences(element)
    text = (element.text or "").strip()
    if element.tag == "mstyle":
        element.tag = "mrow"  # the renderer cuts mstyle out, which leaves fractions with three parts
    elif element.tag in ("mi", "mo") and len(text) > 1 and text not in (r"\{", r"\}"):
        element.tag = "mo" if text in FUNCTIONS or element.tag == "mo" else "mtext"
    elif element.tag == "mi" and text in CLASS_OF:
        element.tag = "mo"
    elif element.tag == "mtable":
        _repair_table(element)
    if element.tag == "mo":
        _repair_operator(element, text)
    if element.tag == "mspace":
        element.set("width", _em(element.get("width", "0em")))


def _unwrap(element: ET.Element) -> None:
    r"""Make one name or sign, or a plain row, of what \mathop, \mathrel and their kin put around a formula."""
    atoms = [atom for atom in element.iter() if (atom.text or "").strip()]
    words = "".join(f" {atom.text} " if len(atom.text or "") > 1 else str(atom.text) for atom in atoms).split() or [""]
    flat = all(part.tag in ("mi", "mo", "mtext", "mrow", "mstyle") for part in element.iter())
    named = flat and len(atoms) + len(words[0]) > 2 and "".join(words).isalpha()
    sign = flat and len(atoms) == 1 and atoms[0].tag == "mo"
    element[:], inside = [], element[:]
    element.attrib = dict(atoms[0].attrib) if named or sign else {}
    if not named and not sign:
        element.tag, element[:] = "mrow", inside
        return
    element.text = "\u00a0".join(words)
    if named:
        element.set("movablelimits", "true")


def _mark_fences(row: ET.Element) -> None:
    """Say of every fence whether it stretches: those around a table do, those of a plain parenthesis do not."""
    tags = [child.tag for child in row]
    for index, child in enumerate(row):
        if (
            child.tag == "mo"
            and "stretchy" not in child.attrib
            and CLASS_OF.get(child.text or "", "|") in ("open", "close", "|")
        ):
            beside = tags[max(index - 1, 0) : index + 2]
            child.set("stretchy", "true" if "mtable" in beside else "false")


def _repair_operator(element: ET.Element, text: str) -> None:
    element.text = text.removeprefix("\\") if len(text) == 2 else text
    element.set("lspace", "0em")
    element.set("rspace", "0em")
    for size in ("minsize", "maxsize"):
        if (asked := element.get(size)) in BIG:
            element.set(size, f"{BIG[asked] * EM:.3f}em")


def _repair_table(element: ET.Element) -> None:
    """Space columns as TeX does; cells of matrices and cases are set in text style, those of align are not."""
    if element.get("displaystyle") == "true":
        element.set("columnspacing", f"0em {1.2 * EM:.3f}em")
        element.set("rowspacing", f"{0.55 * EM:.3f}em")
    else:
        element.set("displaystyle", "false")
        element.set("columnspacing", f"{0.95 * EM:.3f}em")
        element.set("rowspacing", f"{0.4 * EM:.3f}em")


def _em(width: str) -> str:
    """A width in the renderer's em."""
    match = re.fullmatch(r"(-?[\d.]+)em", width)
    return f"{float(match[1]) * EM:.4f}em" if match else width


def _space(element: ET.Element, script: bool, display: bool) -> None:
    """Put TeX's gaps between the atoms of every row, in place. script: in a sub- or superscript."""
    inner_display = display and element.get("displaystyle") != "false"
    for position, child in enumerate(element):
        small = script or (element.tag in SCRIPTS and position > 0) or (element.tag == "mfrac" and not inner_display)
        _space(child, small, inner_display and element.tag != "mfrac")
    if element.tag not in ROWS or len(element) < 2:
        return
    children = list(element)
    classes = _classes(children)
    spaced: list[ET.Element] = []
    previous: tuple[ET.Element, str] | None = None
    for child, name in zip(children, classes, strict=True):
        if previous and name != "space":
            spaced.extend(_gap(previous, (child, name), script))
        spaced.append(child)
        if name != "space":
            previous = (child, name)
    element[:] = spaced


def _gap(left: tuple[ET.Element, str], right: tuple[ET.Element, str], script: bool) -> Iterator[ET.Element]:
    """Widen the operator beside a gap, or yield a space where there is none."""
    units = GAPS[left[1]].get(right[1], 0)
    if script and units < 0:
        return
    width = abs(units) / 18
    if "mfrac" in (left[0].tag, right[0].tag):
        width = max(0.0, width - 0.1)  # a fraction brings a margin of its own
    if not width:
        return
    value = f"{width * EM:.4f}em"
    if right[0].tag == "mo" and not script:
        right[0].set("lspace", value)
    elif left[0].tag == "mo" and not script:
        left[0].set("rspace", value)
    else:
        yield ET.Element("mspace", width=value)


def _classes(children: list[ET.Element]) -> list[str]:
    """TeX's class of every child of a row; "space" for what only takes room."""
    bars = [child for child in children if child.tag == "mo" and child.text and child.text in BARS]
    paired = len(bars) % 2 == 0
    sides = {id(bar): ("open", "close")[index % 2] for index, bar in enumerate(bars)} if paired else {}
    names = [sides.get(id(child)) or _class(child) for child in children]
    atoms = [index for index, name in enumerate(names) if name != "space"]
    for place, index in enumerate(atoms):
        before = names[atoms[place - 1]] if place else "open"
        after = names[atoms[place + 1]] if place + 1 < len(atoms) else "close"
        if names[index] == "bin" and (
            before in ("open", "bin", "rel", "op", "punct") or after in ("close", "rel", "punct")
        ):
            names[index] = "ord"
    return names


def _class(element: ET.Element) -> str:
    text = (element.text or "").strip()
    if element.tag == "mspace":
        return "space"
    if element.tag == "mo":
        if text in FUNCTIONS:
            return "op"
        if form := element.get("form"):
            return {"prefix": "open", "postfix": "close"}.get(form, "rel")
        return "bin" if text == "mod" else CLASS_OF.get(text, "op" if len(text) > 1 else "ord")
    if element.tag in SCRIPTS and len(element):
        return _class(element[0])
    if element.tag == "mfrac":
        return "inner"
    if element.tag == "mrow" and len(element):
        return "inner" if element[0].get("fence") == "true" else "ord"
    return "ord"

"""Markdown to leaves: formulas and prices, tables, lists, and what a hostile model could write."""

import time

import pytest

from app.desktop.text import hostile
from app.desktop.text.blocks import Code, Display, Leaf, Maths, Paragraph, Rule, Run, Table
from app.desktop.text.markdown import parse
from app.desktop.text.plain_text import FORCED, FORCED_END, parse_plain


def leaves(text: str) -> list[Leaf]:
    return parse(hostile.clean(text)).leaves


def runs(text: str) -> list[Run | Maths]:
    (leaf,) = leaves(text)
    assert isinstance(leaf, Paragraph)
    return list(leaf.runs)


def words(text: str) -> str:
    """All text and formulas, as a reader would see them."""
    shown = []
    for leaf in leaves(text):
        match leaf:
            case Paragraph():
                shown.append("".join(run.text if isinstance(run, Run) else f"<{run.tex}>" for run in leaf.runs))
            case Display() | Code():
                shown.append(leaf.tex if isinstance(leaf, Display) else leaf.text)
    return "\n".join(shown)


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("let $x^2$ be", ["x^2"]),
        (r"let \(x^2\) be", ["x^2"]),
        ("costs $5 and $7", []),
        ("costs $5, but $x=1$ holds", ["x=1"]),
        ("US$5 to US$7", []),
        ("$5 million and 7$", []),
        (r"it is \$5 and $y$", ["y"]),
        ("`$x$` is code", []),
        ("open $x^2", []),
        (r"open \(x^2", []),
        ("$a_1 * b_1$ and $a_2 * b_2$", ["a_1 * b_1", "a_2 * b_2"]),
        ("**bold $x$**", ["x"]),
        ("$ x $", []),
        ("export PATH=$HOME/bin:$PATH", []),
        ("cp ${SOURCE}/${FILE} $user@$host", []),
        ("the $n$th, ($a$,$b$), $a$/$b$, 设$x$为", ["n", "a", "b", "a", "b", "x"]),
    ],
)
def test_formulas_within_text(text: str, formulas: list[str]) -> None:
    assert [run.tex for run in runs(text) if isinstance(run, Maths)] == formulas


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("$$x$$", "x"),
        ("\\[\nx\n+ y\n\\]", "x\n+ y"),
        ("$$\na\n- b\n$$.", "a\n- b."),
        ("\\begin{align*}\na &= b\n\\end{align*}", "\\begin{align*}\na &= b\n\\end{align*}"),
        ("> $$x$$", "x"),
        ("- item\n  $$\n  x\n  $$", "x"),
    ],
)
def test_formulas_on_lines_of_their_own(text: str, tex: str) -> None:
    found = [leaf for leaf in leaves(text) if isinstance(leaf, Display)]
    assert [leaf.tex for leaf in found] == [tex]


def test_a_formula_in_the_midst_of_a_line_stands_alone() -> None:
    kinds = [type(leaf) for leaf in leaves(r"so \[x = 1\] holds")]
    assert kinds == [Paragraph, Display, Paragraph]


@pytest.mark.parametrize("text", ["$$\nx\n+ 1", "\\[\nx\n- 1", "\\(x", "$$ x"])
def test_what_is_not_closed_yet_is_shown_as_source(text: str) -> None:
    assert words(text).replace("\u2028", "\n") == text


def test_code_block_knows_whether_it_is_closed() -> None:
    assert leaves("```python\nx = 1\n```") == [Code("x = 1", "python", True)]
    assert leaves("```python\nx = 1\n") == [Code("x = 1", "python", False)]
    assert leaves("> ```\n> x\n> ```")[0].closed  # type: ignore[union-attr]


def test_table_cells_may_hold_bars_within_formulas_and_code() -> None:
    (table,) = leaves("| a | $|x|$ | `p|q` | r \\| s |\n|:--|:-:|--:|---|\n| 1 | 2 | 3 | 4 |")
    assert isinstance(table, Table)
    assert table.aligns == "lcrl"
    assert [cell[0].text if isinstance(cell[0], Run) else cell[0].tex for cell in table.header] == [
        "a",
        "|x|",
        "p|q",
        "r | s",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (r"\(|x|\)", "<|x|>"),
        (r"\(P(A|B)\) of \(|y|\)", "<P(A|B)> of <|y|>"),
        (r"\[|z|\]", "<|z|>"),
        ("one<br>two<BR />three `<br>`", "one\u2028two\u2028three <br>"),
    ],
)
def test_a_cell_holds_bars_within_any_formula_and_breaks_its_lines(cell: str, shown: str) -> None:
    (table,) = leaves(f"| a | b |\n|---|---|\n| {cell} | 3 |")
    assert isinstance(table, Table)
    first, second = table.rows[0]
    assert "".join(run.text if isinstance(run, Run) else f"<{run.tex}>" for run in first) == shown
    assert second == (Run("3"),)


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        # CommonMark wants a space beside a mark that touches punctuation; these scripts write none.
        ("**结论：**成立", ["结论："]),
        ("所谓**“素数”**是什么", ["“素数”"]),
        ("**加法（たしざん）**を使う", ["加法（たしざん）"]),
        ("**합(合)**은 셋", ["합(合)"]),
        ("คือ**“จำนวน”**ครับ", ["“จำนวน”"]),
        ("**ملاحظة:**النص", ["ملاحظة:"]),
        ("**Note:**this, **Hint:** that", ["Note:", "Hint:"]),
        ("**H**yper**T**ext", ["H", "T"]),
        ("**2*3*4**", ["2*3*4"]),
        ("**a*(b+c)**", ["a*(b+c)"]),
        ("a ** b ** c", []),
    ],
)
def test_bold_beside_marks_and_letters_of_any_script(text: str, bold: list[str]) -> None:
    assert [run.text for run in runs(text) if isinstance(run, Run) and run.bold] == bold
    assert words(text).replace("**", "").split() == text.replace("**", "").split()


def test_struck_and_slanted_text_beside_full_width_marks() -> None:
    found = runs("它~~“旧”~~了，又*“新”*了")
    assert [(run.text, run.struck) for run in found if isinstance(run, Run) and (run.struck or run.italic)] == [
        ("“旧”", True),
        ("“新”", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        # To CommonMark the second sign closes what the first one opened, and both are gone.
        "2*3*4 = 24",
        "a**2 + b**2 = c**2",
        "x**n + y**n",
        "width*height*depth",
        "(a+1)*b*(c)",
        "5!*4!*3!",
        "π*r*r",
        "50%*40%*2",
    ],
)
def test_products_and_powers_keep_their_signs(text: str) -> None:
    assert words(text) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("见https://example.org/a，再说", "https://example.org/a"),
        ("见https://example.org/a再说", "https://example.org/a"),
        ("（https://example.org/b）。", "https://example.org/b"),
        ("“https://example.org/c”他说", "https://example.org/c"),
        ("راجع https://example.org/d، شكرا", "https://example.org/d"),
        ("(see https://example.org/A_(b))", "https://example.org/A_(b)"),
        ("https://example.org/list[1].", "https://example.org/list[1]"),
        ("https://example.org/Erdős–Rényi?", "https://example.org/Erdős–Rényi"),
        ("https://example.org/e\u202ecod", "https://example.org/e"),
    ],
)
def test_an_address_ends_where_the_sentence_goes_on(text: str, address: str) -> None:
    assert [run.href for run in runs(text) if isinstance(run, Run) and run.href] == [address]


def test_long_table_is_cut_and_says_so() -> None:
    (table,) = leaves("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 5000)
    assert isinstance(table, Table)
    assert (len(table.rows), table.more) == (200, 4800)


def test_lists_know_their_marks_and_depth() -> None:
    found = leaves("3. three\n4. four\n   - nested\n\n> quoted")
    assert [(leaf.place.containers, leaf.place.markers) for leaf in found] == [
        ("o", ((0, "3."),)),
        ("o", ((0, "4."),)),
        ("ol", ((1, "◦"),)),
        ("q", ()),
    ]


def test_looks_nest() -> None:
    found = runs("**a *b* ~~c~~** `d`")
    looks = {run.text: (run.bold, run.italic, run.struck, run.code) for run in found if isinstance(run, Run)}
    assert looks["a "] == (True, False, False, False)
    assert looks["b"] == (True, True, False, False)
    assert looks["c"] == (True, False, True, False)
    assert looks["d"] == (False, False, False, True)


def test_rule_and_heading() -> None:
    found = leaves("# one\n\n---\n\n#### four")
    assert [leaf.level for leaf in found if isinstance(leaf, Paragraph)] == [1, 4]
    assert isinstance(found[1], Rule)


@pytest.mark.parametrize(
    "text",
    [
        "![](/dev/zero)",
        "![x](file:///etc/passwd)",
        "<img src=/dev/zero>",
        "<script>alert(1)</script>",
        "<b>bold</b>",
        "[x](javascript:alert(1))",
        "[x](vscode://open)",
        "[x](file:///Applications/Calculator.app)",
        "[x](/etc/passwd)",
        "[x](data:text/html,hi)",
    ],
)
def test_pictures_html_and_odd_links_are_text(text: str) -> None:
    assert words(text) == text
    assert not any(run.href for run in runs(text) if isinstance(run, Run))


def test_links_of_the_web_and_mail_work() -> None:
    found = runs("[a](https://a.example/) https://b.example/x. [c](mailto:c@example.org)")
    assert [run.href for run in found if isinstance(run, Run) and run.href] == [
        "https://a.example/",
        "https://b.example/x",
        "mailto:c@example.org",
    ]


def test_remote_picture_is_text() -> None:
    assert words("![alt](https://a.example/x.png)") == "![alt](https://a.example/x.png)"


def test_controls_and_escapes_are_taken_out() -> None:
    assert words("a\x00b\x1b[31mred\x1b[0m\x07 \ud800 c\x9bd") == "abred \ufffd cd"


def test_hidden_characters_show_in_code() -> None:
    assert words("```\nif admin\u202e\u200b:\n```") == "if admin⟨U+202E⟩⟨U+200B⟩:"
    assert words("`a\u2066b`") == "a⟨U+2066⟩b"
    (code,) = leaves("```py\u202e\nx\n```")
    assert isinstance(code, Code)
    assert code.language == "py⟨U+202E⟩"


def test_long_lines_are_broken() -> None:
    assert len(leaves("x" * 400_000)) == 100
    (code,) = leaves("```\n" + "y" * 10_000 + "\n```")
    assert isinstance(code, Code)
    assert max(map(len, code.text.split("\n"))) == hostile.LINE_LIMIT


@pytest.mark.parametrize("mark", [">", "- ", "1. ", "> - "])
def test_deep_nesting_is_bounded_and_loses_nothing(mark: str) -> None:
    text = mark * 1000 + "end"
    found = leaves(text)
    assert max(len(leaf.place.containers) for leaf in found) <= hostile.DEEPEST + 1
    assert "end" in words(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "*a " * 15_000,
        "_a " * 15_000,
        "$a " * 15_000,
        "\\(" * 20_000,
        "$$\n" * 15_000,
        "\\[\nx\n" * 10_000,
        "`" * 3 + "a`b``" * 10_000,
        "[a](b" * 10_000,
        "<" * 50_000,
        "&" * 50_000,
        ">" * 50_000,
        "|a" * 20_000,
        "| a |\n|---|\n| " + "\\(|" * 8_000,
        "https://a.example/" + "()" * 10_000 + ")" * 10_000,
        "a**b**" * 8_000,
    ],
)
def test_no_text_takes_more_than_its_length(text: str) -> None:
    """Twice the text must not take much more than twice the work; counted in CPU time of this thread."""

    def cost(part: str) -> float:
        best = 1e9
        for _ in range(2):
            began = time.thread_time()
            parse(part)
            best = min(best, time.thread_time() - began)
        return best

    half, whole = cost(text[: len(text) // 2]), cost(text)
    assert whole < 3.2 * half + 0.02


def test_plain_text_keeps_lines_and_sets_formulas() -> None:
    found = parse_plain("one **two**\nthree $x$\n\n\\[\ny\n\\]\nend").leaves
    assert [type(leaf).__name__ for leaf in found] == ["Paragraph", "Paragraph", "Display", "Paragraph"]
    assert found[0] == Paragraph((Run("one **two**"),))
    assert [leaf.place.tight for leaf in found] == [False, True, False, True]


def test_plain_text_shows_marks_that_turn_the_direction() -> None:
    (found,) = parse_plain("if admin:\u202e # می\u200cخواهم").leaves
    assert found == Paragraph((Run("if admin:⟨U+202E⟩ # می\u200cخواهم"),))


def test_plain_text_marks_what_was_forced() -> None:
    found = parse_plain(f"mine {FORCED}\nforced{FORCED_END} mine").leaves
    flags = [
        (run.text, run.forced)
        for leaf in found
        if isinstance(leaf, Paragraph)
        for run in leaf.runs
        if isinstance(run, Run)
    ]
    assert flags == [("mine ", False), ("forced", True), (" mine", False)]


def test_a_model_cannot_forge_forced_text() -> None:
    assert FORCED not in hostile.clean(f"a{FORCED}b{FORCED_END}c")

"""Formulas: they are drawn, stand on the baseline, are spaced as TeX does, and cannot stall the window."""

import time

import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from app.desktop.text import mathematics
from app.desktop.text.mathematics import typeset
from app.desktop.text.mathml import BadFormula, to_mathml

# As distilled reasoning models write them.
CORPUS = r"""
x^2 - 5x + 6 = 0
x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}
\Delta = (-5)^2 - 4 \cdot 1 \cdot 6 = 25 - 24 = 1
x_{1,2} = \frac{5 \pm \sqrt{1}}{2} \implies x_1 = 3,\; x_2 = 2
\sum_{n=0}^{\infty} a r^n = \lim_{N\to\infty} a\,\frac{1-r^{N+1}}{1-r} = \frac{a}{1-r}
f(x) = \begin{cases} x^2 & \text{if } x \ge 0 \\ -x & \text{otherwise} \end{cases}
A = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}, \quad \det A = -2
\begin{bmatrix} a & b \\ c & d \end{bmatrix}^{-1}
\int_0^1 (x+1)^2\,dx = \left[\tfrac13 x^3 + x^2 + x\right]_0^1 = \frac73
17 \bmod 5 = 2
a \equiv b \pmod{n}
\mathbb{P}(A \mid B) = \frac{\mathbb{P}(A \cap B)}{\mathbb{P}(B)}
\frac{\partial^2 u}{\partial x^2} = c^2 \nabla^2 u
\boxed{x = 2 \text{ or } x = 3}
\boxed{42}
\sqrt[3]{x^3 + 1}
\binom{n}{k} = \frac{n!}{k!(n-k)!}
\prod_{k=1}^{n} k = n!
\forall \epsilon > 0\ \exists \delta > 0
A \cup B \subseteq C, \quad x \in \mathbb{R} \setminus \{0\}
\left\{ \frac{a}{b} \,\middle|\, b \neq 0 \right\}
\left. \frac{dy}{dx} \right|_{x=0}
\biggl( \sum_{i} x_i \biggr)^2
\begin{aligned} a &= b + c \\ &= d \end{aligned}
\begin{aligned}[t] a &= b \\ c &= d \end{aligned}
\begin{align*} 2x + y &= 5 \\ x - y &= 1 \end{align*}
\begin{array}{r|l} 1 & 2 \\ \hline 3 & 4 \end{array}
\overline{AB} \parallel \overline{CD}
\vec{v} \cdot \vec{w} = |\vec{v}||\vec{w}|\cos\theta
\hat{x} + \bar{y} + \tilde{z} + \dot{a}
\sin^2\theta + \cos^2\theta = 1
\log_2 8 = 3, \ln e = 1
e^{i\pi} + 1 = 0
\lfloor x \rfloor + \lceil y \rceil
\underbrace{1 + 1 + \cdots + 1}_{n}
\overbrace{a + b}^{2}
90^\circ, \angle ABC, \triangle DEF
x \to \infty, \quad n \mapsto n^2
\mathbf{v}, \mathcal{L}, \mathfrak{g}, \mathrm{kg}
\operatorname{lcm}(4, 6) = 12
\gcd(12, 18) = 6
\max_{x} f(x), \min_{y} g(y)
1{,}234{,}567
12,345 + 1
\frac{\frac{1}{2}}{\frac{3}{4}} = \frac{2}{3}
\cfrac{1}{1 + \cfrac{1}{2}}
\text{Area} = \pi r^2 \approx 3.14 \times 4
5! = 120
a:b = c:d
\iint_D f\,dA = \oint_C g\,ds
P(n) \iff P(n+1)
\neg p \lor q \land r
\color{red}{x} + \textcolor{blue}{y}
\stackrel{!}{=}
\xrightarrow{f}
\% \$ \# \&
x', f''(x)
\dots, \ldots, \cdots, \vdots
\quad a \quad b \qquad c \, d \; e \! f
\therefore x = 7
\phantom{x} y
\cancel{x}
\mathrm{d}x
\mathop{\rm lcm}(4, 6) = \mathop{\mathrm{lcm}}(6, 4)
\mathop{\arg\min}_x f(x), \mathop{\text{ess sup}} f, \mathop{\bf E}_{x \sim p} x
\mathop{\underset{y}{\min}} f, \mathop{}\!\mathrm{d}x
a \mathrel{R} b \mathbin{+} \mathord{c}
\begin{alignedat}{2} a &= b &\quad c &= d \\ e &= f & g &= h \end{alignedat}
\begin{alignat*}{2} a &= b \\ c &= d \end{alignat*}
\begin{flalign} a &= b \end{flalign}
f = \begin{dcases} a & b \\ c & d \end{dcases}
""".strip().split("\n")


@pytest.mark.parametrize("tex", CORPUS)
@pytest.mark.parametrize("display", [True, False])
def test_the_corpus_is_drawn(qapp: QApplication, tex: str, display: bool) -> None:
    formula = typeset(tex, display)
    assert formula is not None
    assert formula.width > 0
    assert formula.shapes


def gaps(tex: str) -> list[float]:
    """Width given to each operator of a top-level row, left and right, in em of the renderer."""
    row = to_mathml(tex, True)[0]
    return [
        float(str(element.get(side)).removesuffix("em"))
        for element in row
        for side in ("lspace", "rspace")
        if element.tag == "mo"
    ]


def test_a_sign_is_not_set_like_a_difference(qapp: QApplication) -> None:
    assert gaps("a - 5") == [pytest.approx(4 / 18 * 0.75, abs=1e-3), pytest.approx(4 / 18 * 0.75, abs=1e-3)]
    equals, _, minus, after = gaps("b = -5")
    assert (minus, after) == (pytest.approx(5 / 18 * 0.75, abs=1e-3), 0)
    assert equals == pytest.approx(5 / 18 * 0.75, abs=1e-3)
    assert gaps("-5") == [0, 0]


def test_a_name_given_as_an_operator_is_one_sign(qapp: QApplication) -> None:
    first = to_mathml(r"\mathop{\rm lcm}_a x", True)[0][0]
    assert [(part.tag, part.text) for part in first] == [("mo", "lcm"), ("mi", "a")]
    assert to_mathml(r"\mathop{\sum}_i", True)[0][0][0].text == "∑"


def test_fences_of_a_matrix_grow(qapp: QApplication) -> None:
    small, large = typeset("(x)", True), typeset(r"\begin{pmatrix} 1 \\ 2 \\ 3 \\ 4 \end{pmatrix}", True)
    assert small is not None
    assert large is not None
    top = max(-shape.path.boundingRect().top() for shape in large.shapes)
    assert top > 2 * max(-shape.path.boundingRect().top() for shape in small.shapes)


def test_a_box_surrounds_what_is_in_it(qapp: QApplication) -> None:
    formula = typeset(r"\boxed{\frac{1}{2}}", True)
    assert formula is not None
    box = next(shape.path for shape in formula.shapes if shape.width).boundingRect()
    ink = next(shape.path for shape in formula.shapes if not shape.width).boundingRect()
    assert box.contains(ink)
    assert (
        min(ink.left() - box.left(), box.right() - ink.right(), ink.top() - box.top(), box.bottom() - ink.bottom()) > 20
    )


def test_rules_of_an_array_are_drawn(qapp: QApplication) -> None:
    with_rules, without = (
        typeset(r"\begin{array}{c|c}1&2\\\hline 3&4\end{array}", True),
        typeset(r"\begin{array}{cc}1&2\\3&4\end{array}", True),
    )
    assert with_rules is not None
    assert without is not None
    assert with_rules.shapes[0].path.elementCount() == without.shapes[0].path.elementCount() + 10


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{1",
        r"\left( x",
        "",
        "   ",
        r"\begin{aligned} x",
        "{" * 500 + "}" * 500,
        r"\frac{1}{" * 200 + "}" * 200,
        "x" * 5000,
        "&".join("x" * 400),
        "^",
        "_{",
        r"\left(" * 60 + "x" + r"\right)" * 60,
    ],
)
def test_what_cannot_be_drawn_is_refused(qapp: QApplication, tex: str) -> None:
    assert typeset(tex, True) is None


@pytest.mark.parametrize(
    "tex", [r"\unknown{x}", r"\href{javascript:x}{y}", r"\input{/etc/passwd}", r"\def\x{\x\x}\x", "\x00x", "é"]
)
def test_odd_input_does_no_harm(qapp: QApplication, tex: str) -> None:
    typeset(tex, True)


def test_nesting_costs_no_more_than_its_length(qapp: QApplication) -> None:
    mathematics.warm_up()

    def cost(depth: int) -> float:
        began = time.thread_time()
        assert mathematics._layout(r"\left(" * depth + "x" + r"\right)" * depth, True)
        return time.thread_time() - began

    cost(4)
    assert cost(20) < 12 * cost(5) + 0.05  # laying rows out twice would make it 2^15


def test_depth_is_refused_with_a_reason() -> None:
    with pytest.raises(BadFormula, match="deep"):
        to_mathml("{" * 100 + "x" + "}" * 100, True)


def test_painting_stays_within_the_measures(qapp: QApplication) -> None:
    formula = typeset(r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}", True)
    assert formula is not None
    px, image = 20.0, QImage(300, 120, QImage.Format.Format_RGB32)
    image.fill("white")
    painter = QPainter(image)
    formula.paint(painter, 20, 60, px, QColor("black"))
    painter.end()
    inked = [(x, y) for x in range(300) for y in range(120) if image.pixelColor(x, y).lightness() < 200]
    assert inked
    assert min(x for x, _ in inked) >= 19
    assert max(x for x, _ in inked) <= 21 + formula.width * px
    assert min(y for _, y in inked) >= 59 - formula.ascent * px
    assert max(y for _, y in inked) <= 61 + formula.descent * px

"""Texts for a long chat: questions, thoughts and replies with prose, lists, tables, mathematics and code.

`number` goes into words, formulas and code, so that no two texts are alike and nothing is found in a cache for having
been shown before.
"""

_PROSE = r"""
## Step {n}: what the figures of week {n} say

The pump ran for **{n} hours** and moved about {m} litres, which is *less* than the plan asked for. Three things may
explain that, and they do not exclude each other:

- the inlet was half closed from the {n}th minute on, as the note in `log-{n}.txt` says;
- the level in the tank stood {k} cm lower than at the start of the month;
- one of the two valves stuck, so that only every second stroke did any work.

> "Measure the level before the pump starts, not after it stops" is what the manual of {m} asks for, and it was not done.

1. Open the inlet and write down the level.
2. Run the pump for {k} minutes with the second valve closed.
3. Compare with the curve; a difference of more than {n} % points to the valve.

| hour | level, cm | flow, l/min | remark |
|-----:|----------:|------------:|:-------|
| {n}  | {k}       | 12.{n}      | inlet half closed |
| {m}  | 41        | 11.{k}      | second valve stuck |
| {k}  | 40        | 11.9        | measured twice |
"""

_MATHS = r"""
### The flow of week {n}

Let $h(t)$ be the level and $A = {k}\,\mathrm{{m}}^2$ the area of the tank. With an outflow of $q = c_{{{n}}}\sqrt{{2 g h}}$
the balance is

$$A \frac{{dh}}{{dt}} = {n} - c_{{{n}}}\sqrt{{2 g h(t)}}, \qquad h(0) = \frac{{{m}}}{{{k}}}.$$

At rest the left side is zero, so $h_\infty = \frac{{{n}^2}}{{2 g c_{{{n}}}^2}}$. Near it, with $x = h - h_\infty$,

$$\begin{{aligned}} \frac{{dx}}{{dt}} &= -\frac{{x}}{{\tau_{{{n}}}}} + O(x^2), \\ \tau_{{{n}}} &= \frac{{A \sqrt{{2 h_\infty}}}}{{c_{{{n}}}\sqrt{{g}}}}. \end{{aligned}}$$

Hence $x(t) = x_0 e^{{-t/\tau_{{{n}}}}}$, and the sum over all strokes is $\sum_{{i=1}}^{{{m}}} i^2 = \frac{{{m}({m}+1)(2\cdot{m}+1)}}{{6}}$.
The probability that at least one of ${k}$ strokes fails is $1 - (1 - p)^{{{k}}} \approx {k}p$ for small $p$.
"""

_CODE = r'''
The same as a program, which reads the log and fits the time constant:

```python
import math
from pathlib import Path


def levels_{n}(log: Path, skip: int = {k}) -> list[tuple[float, float]]:
    """Read (hour, level in cm) pairs, leaving out the first `skip` lines."""
    rows = []
    for line in log.read_text("utf-8").splitlines()[skip:]:
        hour, _, level = line.partition(";")
        if level.strip():  # an empty column is a lost measurement
            rows.append((float(hour), float(level)))
    return rows


def time_constant_{n}(rows: list[tuple[float, float]], rest: float = {m}.0) -> float:
    """Fit log(level - rest) by a line; the slope is -1/tau."""
    points = [(hour, math.log(level - rest)) for hour, level in rows if level > rest]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return -1 / slope
```

Run it with `python fit.py log-{n}.txt`; it prints one number, in hours.
'''

_THOUGHTS = (
    "So the level fell by {k} cm in {n} hours. That alone is not much, but the flow fell as well, from 12.{n} to 11.{k}."
    " If the inlet were the only reason, then the flow would have stayed where it was after the {n}th minute. Wait, the"
    " log says that it went on falling. Let me compute: {m} times {k} is the volume in litres, over {n} hours.\n\n"
    "I should look at the valves before I blame the inlet. A stuck valve halves the strokes that do work.\n\n"
)


def question(number: int) -> str:
    """A user's message of about 40 tokens."""
    return (
        f"Here is the log of week {number}. The pump moved less than planned again. What explains it, how do I"
        f" compute the time constant, and can you write the fit for {number} measurements?"
    )


def thoughts(number: int) -> str:
    """About 130 tokens of thinking."""
    return _filled(_THOUGHTS, number)


def answer(number: int) -> str:
    """About 1,500 tokens of Markdown: prose with a list and a table, mathematics, code."""
    return "".join(_filled(text, number) for text in (_PROSE, _MATHS, _CODE)).strip() + "\n"


def _filled(text: str, number: int) -> str:
    return text.format(n=number, m=3 * number + 11, k=number % 17 + 5)

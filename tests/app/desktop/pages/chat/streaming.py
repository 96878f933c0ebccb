"""A reply streamed into a long chat, with a ticker that sees how long the event loop was held up.

Run by hand: python -m tests.app.desktop.pages.chat.streaming
"""

import os
import re
import time
from dataclasses import dataclass

from PySide6.QtCore import QEventLoop, QTimer

from app.desktop.pages.chat.transcript import Shown, Transcript

TICK_MS = 5
SAMPLE = r"""## Solving the equation

To find the roots of $x^2 - 5x + 6 = 0$, use the **quadratic formula** $x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}$ with
$a = 1$, $b = -5$ and $c = 6$. It costs $5 and $7 to see `inline code` and a [link](https://example.org/).

1. **Compute the discriminant.** It is $\Delta_NN = b^2 - 4ac = 25 - 24 = NN$.
2. **Substitute.** There are two real roots:
   \[ x_{1,2} = \frac{5 \pm \sqrt{NN}}{2} \implies x_1 = 3,\quad x_2 = NN \]
3. Check with Vieta: $x_1 + x_2 = 5$ and $x_1 x_2 = NN$.

The general sum of a geometric series, for $|r| < NN$, is
$$\sum_{n=0}^{\infty} a r^{n} = \lim_{N\to\infty} a\,\frac{1-r^{NN}}{1-r} = \frac{a}{1-r}.$$

```python
def roots(a: float, b: float, c: float) -> tuple[float, float]:
    # discriminant NN
    d = (b * b - 4 * a * c) ** 0.5
    return (-b + d) / (2 * a), (-b - d) / (2 * a)
```

| n | $n!$ | note |
|--:|:----:|------|
| 1 | 1 | unit |
| 8 | 40320 | $\log_2 NN$ |

> So the answer is NN, and \(\boxed{x = NN}\) is what was asked for.

"""


@dataclass(frozen=True)
class Stalls:
    """How much later than wanted the ticker ticked, in ms.

    busy_p99, busy_most: what this thread itself computed between two ticks; on a machine that is shared, the rest
    is others' time.
    """

    p50: float
    p99: float
    most: float
    busy_p99: float
    busy_most: float
    ticks: int


def sample(number: int) -> str:
    """A reply heavy with mathematics, with formulas of its own for every number."""
    return SAMPLE.replace("NN", str(number))


def tokens_of(text: str) -> list[str]:
    """The text in pieces of about a token."""
    return re.findall(r"\s?\S{1,4}|\s+", text)


def chat_of(tokens: int) -> list[Shown]:
    """A chat of about that many tokens."""
    messages: list[Shown] = []
    length = 0
    while length < tokens:
        number = len(messages)
        messages.append(Shown(id=number, role="user", content=f"Solve number {number}: $x^2 - {number}x = 0$"))
        messages.append(Shown(id=number + 1, role="assistant", content=sample(number)))
        length += len(tokens_of(sample(number)))
    return messages


def stream(transcript: Transcript, pieces: list[str], per_second: float, thinking: bool = False) -> Stalls:
    """Stream pieces into a new reply at a rate, and measure how the event loop stalls meanwhile."""
    view = transcript.add_reply(10_000_000)
    loop = QEventLoop()
    gaps: list[float] = []
    busy: list[float] = []
    began = last = time.perf_counter()
    worked = time.thread_time()
    sent = 0

    def tick() -> None:
        nonlocal last, sent, worked
        now = time.perf_counter()
        busy.append((time.thread_time() - worked) * 1000)
        worked = time.thread_time()
        gaps.append((now - last) * 1000 - TICK_MS)
        last = now
        due = min(int((now - began) * per_second), len(pieces))
        for piece in pieces[sent:due]:
            view.append_thinking(piece) if thinking else view.append_answer(piece)
        sent = due
        if sent == len(pieces):
            loop.quit()

    ticker = QTimer(interval=TICK_MS)
    ticker.setTimerType(ticker.timerType().PreciseTimer)
    ticker.timeout.connect(tick)
    ticker.start()
    loop.exec()
    ticker.stop()
    view.finish()
    gaps, busy = sorted(gaps[1:]), sorted(busy[1:])
    high = int(len(gaps) * 0.99)
    return Stalls(gaps[len(gaps) // 2], gaps[high], gaps[-1], busy[high], busy[-1], len(gaps))


def main() -> None:
    """Measure and say it."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.desktop import theme
    from app.desktop.text import code, mathematics

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app, "light")
    mathematics.warm_up()
    code.warm_up()
    transcript = Transcript()
    transcript.resize(1068, 700)
    transcript.show()
    began = time.perf_counter()
    transcript.set_messages(chat_of(32_000))
    QTest.qWait(1)
    print(f"opened {len(transcript.ids())} messages in {(time.perf_counter() - began) * 1000:.0f} ms")  # noqa: T201
    QTest.qWait(1500)
    for name, thinking in (("answer", False), ("thinking", True)):
        pieces = tokens_of("".join(sample(1000 + number + 100 * thinking) for number in range(10)))
        transcript.set_thinking_open(True)
        print(name, stream(transcript, pieces, 200, thinking))  # noqa: T201


if __name__ == "__main__":
    main()

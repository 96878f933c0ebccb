"""Pictures of the transcript for eyes: `python -m tests.app.desktop.pages.chat.pictures FOLDER`, light and dark. Nothing is compared."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.desktop import theme
from app.desktop.pages.chat.transcript import Shown, Transcript
from app.desktop.text import mathematics
from models.store.rows import Figures
from tests.app.desktop.pages.chat.streaming import sample
from tests.app.desktop.text.test_mathematics import CORPUS

FIGURES = Figures(
    thinking_tokens=734,
    answer_tokens=278,
    ttft_s=0.21,
    tokens_per_s=41.3,
    closed_by="model",
    thinking_s=18,
    budget=2048,
)
THOUGHTS = r"""This is a Pell-type equation. The fundamental solution of $x^2 - 5y^2 = 4$ is (3, 1), since 9 − 5 = 4.

All solutions come from \(\left(\frac{3+\sqrt5}{2}\right)^n\) … wait, check n even: L₂=3, F₂=1; L₄=7, F₄=3; L₁₂=322 is too large."""
ANSWER = r"""The solutions are pairs of even-indexed **Lucas** and **Fibonacci** numbers:

$$x_k = L_{2k},\quad y_k = F_{2k},\quad (x, y) \in \{(3,1), (7,3), (18,8), (47,21), (123,55)\}$$

You can check them in a line:

```python
print([(x, y) for x in range(1, 200) for y in range(1, 100) if x*x - 5*y*y == 4])
```"""


def chat(transcript: Transcript) -> None:
    """Thoughts open and closed, an answer with mathematics and code, a reply that thinks."""
    transcript.set_thinking_open(True)
    transcript.set_messages(
        [
            Shown(id=1, role="user", content="Find all positive integer solutions of $x^2 - 5y^2 = 4$ with $x$ < 200."),
            Shown(
                id=2,
                role="assistant",
                content=ANSWER,
                thinking=THOUGHTS,
                figures=FIGURES,
                version_index=2,
                version_count=3,
            ),
            Shown(id=3, role="user", content="And for $x^2 - 5y^2 = -4$?"),
        ]
    )
    transcript.set_thinking_open(False)
    reply = transcript.add_reply(4)
    reply.append_thinking("hm")
    reply.set_thinking_status(312, 2048, 7.6)


def everything(transcript: Transcript) -> None:
    """Every kind of leaf."""
    transcript.set_messages(
        [Shown(id=1, role="assistant", content=sample(7) + "\n---\n\n" + sample(8), figures=FIGURES)]
    )
    transcript.scroll_to(1)


def formulas(transcript: Transcript) -> None:
    """The corpus of formulas, within lines and alone."""
    text = "\n\n".join(f"inline ${tex}$ text\n\n$${tex}$$" for tex in CORPUS if "&" not in tex)
    transcript.set_messages([Shown(id=1, role="assistant", content=text)])
    transcript.scroll_to(1)


def states(transcript: Transcript) -> None:
    """Waiting, forced to answer, failed, folded, edited."""
    transcript.set_messages(
        [
            Shown(id=1, role="user", content="A long question. " * 120, version_index=1, version_count=2),
            Shown(
                id=2,
                role="assistant",
                content="Half an answer",
                state="interrupted",
                error="The model's process ended by itself.",
            ),
        ]
    )
    transcript.add_reply(3).set_waiting("Loading SmolLM2 …", 0.4)
    transcript.add_reply(4).set_waiting("Reading the prompt · 120 of 531 tokens")
    transcript.set_thinking_open(True)
    reply = transcript.add_reply(5)
    reply.append_thinking("Let me see. First $x = 1$.")
    reply.append_thinking("\nConsidering the limited time, I have to answer now.", forced=True)
    reply.close_thinking(64, 3.2, "budget", 64)
    reply.append_answer("It is `unfinished **bo")
    reply.fail("The model needs 4.7 GB, 3.1 GB are free.", "Close other applications and try again.")
    transcript.add_user(6, "Edit me").start_editing()


SCENES: tuple[tuple[Callable[[Transcript], None], int], ...] = (
    (chat, 720),
    (everything, 1500),
    (formulas, 3000),
    (states, 1100),
)


def main() -> None:
    """Save every scene in both palettes."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    mathematics.warm_up()
    for scheme in ("light", "dark"):
        theme.apply(app, scheme)  # type: ignore[arg-type]
        for scene, height in SCENES:
            transcript = Transcript()
            transcript.resize(1068, height)
            transcript.show()
            scene(transcript)
            QTest.qWait(2500)
            picture = QPixmap(transcript.size() * 2)
            picture.setDevicePixelRatio(2)
            transcript.render(picture)
            picture.save(str(folder / f"{scene.__name__}-{scheme}.png"))
            transcript.deleteLater()


if __name__ == "__main__":
    main()

"""Ladders: endless problems with exact answers, made by seed, in levels 1 to 10 from what the smallest model can learn on.

A problem belongs to training or to the test by a hash of itself alone, so the two never share one, whatever the seeds
and whatever the level. Where thinking helps, a problem brings the steps that lead to its answer.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from models.answers.verdict import Kind
from models.errors import BadInput

Part = Literal["train", "test"]

LEVELS = range(1, 11)
TEST_SHARE = 0.25  # of all problems that there are
MOST_TRIES = 20_000  # draws for one problem that is new and of the right part


@dataclass(frozen=True)
class Rung:
    """One problem of a ladder."""

    problem: str
    answer: str
    steps: str = ""  # thinking that leads to the answer, "" where there is none to show
    kind: Kind = "math"
    unit: str = ""


@dataclass(frozen=True)
class Ladder:
    """A kind of problem. levels: what grows with the level, for people."""

    name: str
    title: str
    levels: str
    make: Callable[[random.Random, int], Rung]


def part_of(problem: str) -> Part:
    """Where a problem belongs, for ever."""
    place = int.from_bytes(hashlib.blake2b(problem.encode(), digest_size=8).digest(), "big") / 2**64
    return "test" if place < TEST_SHARE else "train"


def problems(ladder: str, level: int, seed: int = 0, part: Part = "test") -> Iterator[Rung]:
    """A level's problems without end, no two alike, the same for the same seed.

    Raises BadInput for a ladder or level that is not there, and when all of a level's problems were given.
    """
    made = get(ladder)
    check_level(made, level)
    draw = random.Random(f"{ladder}/{level}/{seed}/{part}")
    seen: set[str] = set()
    while True:
        for _ in range(MOST_TRIES):
            rung = made.make(draw, level)
            if rung.problem not in seen and part_of(rung.problem) == part:
                break
        else:
            raise BadInput(f"Level {level} of {made.title} has no more than {len(seen):,} different problems.")
        seen.add(rung.problem)
        yield rung


def get(name: str) -> Ladder:
    """A ladder by its name. Raises BadInput."""
    if name not in LADDERS:
        raise BadInput(f"There is no ladder {name!r}.", f"There are {', '.join(LADDERS)}.")
    return LADDERS[name]


def check_level(ladder: Ladder, level: int) -> None:
    """Raise BadInput for a level that is not there."""
    if level not in LEVELS:
        raise BadInput(f"{ladder.title} has levels {LEVELS[0]} to {LEVELS[-1]}, no level {level}.")


def _sums(draw: random.Random, level: int) -> Rung:
    numbers = [draw.randint(1, 30 if level > 1 else 99) for _ in range(level + 1)]
    total, steps = numbers[0], []
    for number in numbers[1:]:
        steps.append(f"{total} + {number} = {total + number}")
        total += number
    return Rung(f"What is {' + '.join(map(str, numbers))}?", str(total), "\n".join(steps))


def _products(draw: random.Random, level: int) -> Rung:
    digits = ((1, 3), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4), (5, 4), (5, 5), (6, 5), (6, 6))[level - 1]
    a, b = (draw.randint(10 ** (count - 1) + 1, 10**count - 1) for count in digits)
    if draw.random() < 0.5:
        a, b = b, a
    parts = [(int(digit) * 10**place, a) for place, digit in enumerate(reversed(str(b))) if digit != "0"]
    total, steps = 0, []
    for part, factor in parts:
        steps.append(f"{factor} × {part} = {factor * part}")
        if total:
            steps.append(f"{total} + {factor * part} = {total + factor * part}")
        total += factor * part
    return Rung(f"What is {a} × {b}?", str(a * b), "\n".join(steps))


def _sequences(draw: random.Random, level: int) -> Rung:
    """The rules grow; every sequence shows enough of itself to be the only one of its kind."""
    shown = 6
    start, step = draw.randint(-100, 300), draw.choice([n for n in range(-25, 26) if n])
    match level:
        case 1:
            terms = [start + abs(step) * n for n in range(shown + 1)]
        case 2:
            terms = [start + step * n for n in range(shown + 1)]
        case 3:
            first, factor = draw.randint(1, 999), draw.choice([2, 3, 4, 5, -2, -3])
            terms = [first * factor**n for n in range(shown + 1)]
        case 4:
            growth = draw.randint(1, 9)
            terms = [start + step * n + growth * n * (n - 1) // 2 for n in range(shown + 1)]
        case 5:
            other = draw.choice([n for n in range(-9, 10) if n not in (0, step)])
            terms = [start + (step + other) * (n // 2) + step * (n % 2) for n in range(shown + 1)]
        case 6:
            terms = [draw.randint(1, 90), draw.randint(1, 90)]
            while len(terms) <= shown:
                terms.append(terms[-1] + terms[-2])
        case 7:
            terms = [draw.randint(1, 200)]
            factor, add = draw.randint(2, 4), draw.choice([n for n in range(-9, 10) if n])
            while len(terms) <= shown:
                terms.append(terms[-1] * factor + add)
        case 8:
            shown = 8
            second, other = draw.randint(-20, 60), draw.choice([n for n in range(-12, 13) if n])
            terms = [(start + step * (n // 2)) if n % 2 == 0 else (second + other * (n // 2)) for n in range(shown + 1)]
        case 9:
            shown = 7
            a, b, c = draw.randint(1, 4), draw.randint(-5, 5), draw.randint(-9, 9)
            terms = [a * n**3 + b * n * n + c * n + start for n in range(shown + 1)]
        case _:
            shown = 8
            terms = [draw.randint(1, 20) for _ in range(3)]
            a, b = draw.choice([1, 2]), draw.choice([-1, 1, 2])
            while len(terms) <= shown:
                terms.append(a * terms[-1] + b * terms[-3])
    gaps = [b - a for a, b in pairwise(terms[:shown])]
    steps = f"Differences: {', '.join(map(str, gaps))}"
    return Rung(f"What comes next: {', '.join(map(str, terms[:shown]))}, …?", str(terms[shown]), steps)


_WORDS = [
    "river",
    "apple",
    "stone",
    "window",
    "garden",
    "purple",
    "animal",
    "bottle",
    "silver",
    "forest",
    "letter",
    "summer",
    "winter",
    "market",
    "yellow",
    "planet",
    "little",
    "simple",
    "rabbit",
    "pepper",
    "coffee",
    "tennis",
    "banana",
    "cherry",
    "butter",
    "kitten",
    "puzzle",
    "hammer",
    "mirror",
    "pillow",
    "ribbon",
    "sailor",
    "tunnel",
    "violet",
    "walnut",
    "zipper",
    "anchor",
    "basket",
    "candle",
    "dragon",
    "engine",
    "feather",
    "guitar",
    "helmet",
    "island",
    "jacket",
    "kettle",
    "lantern",
    "meadow",
    "needle",
    "orange",
    "parrot",
    "quiver",
    "rocket",
    "saddle",
    "temple",
    "umbrella",
    "village",
    "whistle",
    "balloon",
    "giraffe",
    "library",
    "mountain",
]


def _counting(draw: random.Random, level: int) -> Rung:
    words = [draw.choice(_WORDS) for _ in range(1 + level * 2)]
    if level % 2:
        text = " ".join(words)
        letter = draw.choice(sorted(set(text.replace(" ", ""))))
        found, steps = 0, []
        for word in words:
            found += word.count(letter)
            steps.append(f"{'-'.join(word)}: {word.count(letter)}, {found}")
        return Rung(f'How often does the letter "{letter}" stand in "{text}"?', str(found), "\n".join(steps))
    wanted = draw.choice(words)
    for _ in range(draw.randint(0, level)):
        words.insert(draw.randrange(len(words) + 1), wanted)
    found, steps = 0, []
    for word in words:
        found += word == wanted
        steps.append(f"{word} {found}")
    return Rung(f'How often does the word "{wanted}" stand in "{" ".join(words)}"?', str(found), "\n".join(steps))


def _boolean(draw: random.Random, level: int) -> Rung:
    """An expression with `level` operations, inner brackets first."""
    steps: list[str] = []

    def grow(operations: int, outer: bool) -> tuple[str, bool]:
        if operations == 0:
            x, y, sign = draw.randint(1, 20), draw.randint(1, 20), draw.choice("<>")
            return f"{x} {sign} {y}", (x < y if sign == "<" else x > y)
        if draw.random() < 0.25:
            text, value = grow(operations - 1, False)
            whole, result = f"not {text if operations > 1 else f'({text})'}", not value
        else:
            left = draw.randrange(operations)
            (a, first), (b, second) = grow(left, False), grow(operations - 1 - left, False)
            word = draw.choice(["and", "or"])
            whole = f"{a} {word} {b}"
            result = (first and second) if word == "and" else (first or second)
        steps.append(f"{whole} = {'true' if result else 'false'}")
        return (whole if outer else f"({whole})"), result

    wanted = draw.random() < 0.5  # as many true as false ones
    text, value = grow(level, True)
    while value is not wanted:
        steps.clear()
        text, value = grow(level, True)
    return Rung(f"Is this true or false: {text}?", "true" if value else "false", "\n".join(steps), kind="exact")


def _equations(draw: random.Random, level: int) -> Rung:
    x = draw.randint(-9 - level, 9 + level) if level > 2 else draw.randint(2, 99)
    a, b = draw.randint(2, 5 + level if level > 2 else 99), draw.randint(1, 10 + 3 * level if level > 1 else 99)
    sign = draw.choice([1, -1])
    match level:
        case 1:
            return Rung(f"Solve for x: x + {b} = {x + b}", str(x), f"x = {x + b} - {b} = {x}")
        case 2:
            return Rung(f"Solve for x: {a}x = {a * x}", str(x), f"x = {a * x} / {a} = {x}")
        case 3 | 4:
            right = a * x + sign * b
            steps = f"{a}x = {right - sign * b}\nx = {x}"
            return Rung(f"Solve for x: {a}x {_signed(sign * b)} = {right}", str(x), steps)
        case 5 | 6:
            c = draw.choice([n for n in range(1, a + 6) if n != a])
            right = a * x + sign * b - c * x
            steps = f"{a - c}x = {right - sign * b}\nx = {x}"
            return Rung(f"Solve for x: {a}x {_signed(sign * b)} = {c}x {_signed(right)}", str(x), steps)
        case 7:
            value = Fraction(x, draw.randint(2, 7))
            d = value.denominator * draw.randint(1, 3)
            right = int(value * d) + b
            return Rung(f"Solve for x: {d}x + {b} = {right}", str(value), f"{d}x = {right - b}\nx = {value}")
        case 8:
            c, d = draw.randint(2, 9), draw.randint(1, 9)
            right = a * (x + b) - c * (x - d)
            steps = f"{a}x + {a * b} - {c}x + {c * d} = {right}\n{a - c}x = {right - a * b - c * d}\nx = {x}"
            if a == c:
                return _equations(draw, level)
            return Rung(f"Solve for x: {a}(x + {b}) - {c}(x - {d}) = {right}", str(x), steps)
        case _:
            return _system(draw, level)


def _system(draw: random.Random, level: int) -> Rung:
    """Two equations at level 9, three at 10."""
    names = "xy" if level == 9 else "xyz"
    values = [draw.randint(-9, 9) for _ in names]
    while True:
        rows = [[draw.choice([n for n in range(-6, 7) if n]) for _ in names] for _ in names]
        if _determinant(rows):
            break
    written = []
    for row in rows:
        left = " ".join(
            _term(factor, name, not index) for index, (factor, name) in enumerate(zip(row, names, strict=True))
        )
        written.append(f"{left} = {sum(factor * value for factor, value in zip(row, values, strict=True))}")
    asked = draw.randrange(len(names))
    return Rung(f"Solve for {names[asked]}: {'; '.join(written)}", str(values[asked]))


def _determinant(rows: list[list[int]]) -> int:
    if len(rows) == 1:
        return rows[0][0]
    return sum(
        (-1) ** at * rows[0][at] * _determinant([row[:at] + row[at + 1 :] for row in rows[1:]])
        for at in range(len(rows))
    )


def _term(factor: int, name: str, first: bool) -> str:
    size = name if abs(factor) == 1 else f"{abs(factor)}{name}"
    if first:
        return size if factor > 0 else f"-{size}"
    return f"+ {size}" if factor > 0 else f"- {size}"


def _signed(number: int) -> str:
    return f"+ {number}" if number >= 0 else f"- {-number}"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _calendar(draw: random.Random, level: int) -> Rung:
    minutes = draw.randrange(24 * 60)
    match level:
        case 1:
            hours, first = draw.randint(1, 11), draw.randrange(24 * 60)
            return _clock(first, hours * 60, f"{hours} {_plural(hours, 'hour')}")
        case 2:
            later = draw.randint(5, 180)
            return _clock(minutes, later, f"{later} minutes")
        case 3:
            later = draw.randint(61, 1400)
            return _clock(minutes, later, f"{later // 60} {_plural(later // 60, 'hour')} and {later % 60} minutes")
        case 4:
            day, after = draw.randrange(7), draw.randint(3, 2000)
            steps = f"{after} = {after // 7} × 7 + {after % 7}"
            asked = f"Today is {_DAYS[day]}. Which day of the week is it in {after} days?"
            return Rung(asked, _DAYS[(day + after) % 7], steps, kind="exact")
        case 5:
            begin, last = draw.randrange(1440), draw.randint(30, 1400)
            end = (begin + last) % 1440
            asked = f"How many minutes are there from {_hour(begin)} to {_hour(end)}{' the next day' if begin + last >= 1440 else ''}?"
            return Rung(asked, str(last))
        case 6 | 7 | 8 | 9:
            return _days(draw, level)
        case _:
            return _workdays(draw)


def _clock(first: int, later: int, said: str) -> Rung:
    end = (first + later) % 1440
    return Rung(f"It is {_hour(first)} (24-hour clock). What time is it {said} later?", _hour(end), kind="math")


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _day(draw: random.Random, years: int) -> date:
    return date(2001, 1, 1) + timedelta(days=draw.randrange(365 * years))


def _days(draw: random.Random, level: int) -> Rung:
    begin = _day(draw, 28)
    if level == 6:
        later = draw.randint(2, 60)
        end = begin + timedelta(days=later)
        return Rung(f"Which date is {later} days after {begin}? Write it as year-month-day.", str(end), kind="exact")
    end = begin + timedelta(days=draw.randint(20, 120 if level == 7 else 400 if level == 8 else 4000))
    if level == 9:
        asked = f"{begin} was a {_DAYS[begin.weekday()]}. Which day of the week is {end}?"
        return Rung(
            asked, _DAYS[end.weekday()], f"{(end - begin).days} days, {(end - begin).days % 7} over", kind="exact"
        )
    return Rung(f"How many days are there from {begin} to {end}?", str((end - begin).days))


def _workdays(draw: random.Random) -> Rung:
    begin = _day(draw, 28)
    end = begin + timedelta(days=draw.randint(30, 300))
    count = sum((begin + timedelta(days=n)).weekday() < 5 for n in range((end - begin).days + 1))
    asked = f"{begin} is a {_DAYS[begin.weekday()]}. How many days from Monday to Friday are there from {begin} to {end}, both included?"
    return Rung(asked, str(count))


# Factors to the first unit of a row, exact.
_UNITS: tuple[tuple[tuple[str, Fraction], ...], ...] = (
    (("mm", Fraction(1)), ("cm", Fraction(10)), ("m", Fraction(1000)), ("km", Fraction(10**6))),
    (("mg", Fraction(1)), ("g", Fraction(1000)), ("kg", Fraction(10**6)), ("t", Fraction(10**9))),
    (("ml", Fraction(1)), ("cl", Fraction(10)), ("l", Fraction(1000))),
    (("s", Fraction(1)), ("min", Fraction(60)), ("h", Fraction(3600)), ("days", Fraction(86400))),
    (("mm^2", Fraction(1)), ("cm^2", Fraction(100)), ("m^2", Fraction(10**6))),
    (("cm^3", Fraction(1)), ("l", Fraction(1000)), ("m^3", Fraction(10**6))),
    (("inch", Fraction(254, 100)), ("cm", Fraction(1)), ("ft", Fraction(3048, 100)), ("m", Fraction(100))),
)


def _units(draw: random.Random, level: int) -> Rung:
    if level <= 7:
        row = _UNITS[level - 1]
        (small, less), (large, more) = sorted(draw.sample(row, 2), key=lambda unit: unit[1])
        if level > 3 and draw.random() < 0.5:
            (small, less), (large, more) = (large, more), (small, less)
        amount = Fraction(draw.randint(1, 999), draw.choice([1, 1, 2, 4, 5, 10]))
        if level <= 3:  # down, in whole numbers
            (small, less), (large, more) = (large, more), (small, less)
        if (amount * less / more * 10**6).denominator > 1:  # a decimal that ends soon
            amount *= more / less
        return _converted(amount, small, less / more, large)
    if level == 8:
        celsius = Fraction(draw.randint(-80, 4000), 2)
        fahrenheit = celsius * 9 / 5 + 32
        if draw.random() < 0.5:
            return _number(f"How many °F are {_written(celsius)} °C?", fahrenheit, "°F")
        return _number(f"How many °C are {_written(fahrenheit)} °F?", celsius, "°C")
    if level == 9:
        speed = draw.randint(3, 5000)
        if draw.random() < 0.5:
            return _number(f"How many m/s are {speed * 18} km/h?", Fraction(speed * 5), "m/s")
        return _number(f"How many km/h are {speed} m/s?", Fraction(speed * 18, 5), "km/h")
    density = Fraction(draw.randint(2, 250), 10)
    if draw.random() < 0.5:
        return _number(f"How many kg/m^3 are {_written(density)} g/cm^3?", density * 1000, "kg/m^3")
    grams, millilitres = draw.randint(10, 900), draw.choice([2, 4, 5, 8, 10, 20, 25, 40, 50])
    asked = f"{grams} g of a liquid fill {millilitres} ml. How many kg does a litre of it weigh?"
    return _number(asked, Fraction(grams, millilitres), "kg")


def _converted(amount: Fraction, unit: str, factor: Fraction, into: str) -> Rung:
    return _number(
        f"How many {into} are {_written(amount)} {unit}?",
        amount * factor,
        into,
        f"1 {unit} = {_written(factor)} {into}",
    )


def _number(asked: str, value: Fraction, unit: str, steps: str = "") -> Rung:
    return Rung(asked, _written(value), steps, kind="number", unit=unit)


def _written(value: Fraction) -> str:
    """A number as a decimal where it ends, else as a fraction."""
    under = value.denominator
    while under % 10 == 0 or under % 2 == 0 or under % 5 == 0:
        under //= 10 if under % 10 == 0 else 2 if under % 2 == 0 else 5
    if under > 1:
        return str(value)
    places = 0
    while (value * 10**places).denominator > 1:
        places += 1
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    whole = digits[: len(digits) - places] + (f".{digits[len(digits) - places :]}" if places else "")
    return f"-{whole}" if value < 0 else whole


LADDERS = {
    ladder.name: ladder
    for ladder in (
        Ladder("sums", "Sums", "the number of numbers, 2 to 11", _sums),
        Ladder("products", "Products", "the digits of the factors, 1 × 2 to 6 × 6", _products),
        Ladder("sequences", "Number sequences", "the rule, from equal steps to three terms back", _sequences),
        Ladder("counting", "Letter and word counting", "the length of the text; odd levels letters, even ones words", _counting),
        Ladder("boolean", "Boolean expressions", "the operations, 1 to 10", _boolean),
        Ladder("equations", "Linear equations", "from x + b = c to three unknowns", _equations),
        Ladder("calendar", "Calendar and clock", "from hours later to working days between dates", _calendar),
        Ladder("units", "Unit conversions", "from lengths to temperatures, speeds and densities", _units),
    )
}  # fmt: skip

import random

from models.traces.duplicates import Duplicates, HashIndex, likeness, sketch_of


def words(seed: int, n: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(n)]


def shingles(text: str) -> set[str]:
    plain = "".join(text.lower().split())
    return {plain[at : at + 32] for at in range(len(plain) - 31)}


def jaccard(one: str, other: str) -> float:
    ones, others = shingles(one), shingles(other)
    return len(ones & others) / len(ones | others)


def test_the_index_gives_the_first_number_of_every_key_as_it_grows() -> None:
    draw = random.Random(0)
    keys = [draw.getrandbits(64) for _ in range(20_000)] + [0]
    index = HashIndex(bits=4)
    assert all(index.add(key, number) is None for number, key in enumerate(keys))
    assert [index.get(key) for key in keys] == list(range(len(keys)))
    assert index.add(keys[7], 99) == 7
    assert index.get(draw.getrandbits(64)) is None


def test_likeness_estimates_the_jaccard_index_of_the_shingles() -> None:
    for changed in (0, 2, 6, 15, 40):
        errors = []
        for seed in range(12):
            one = words(seed, 900)
            other = list(one)
            for at in random.Random(seed).sample(range(900), changed):
                other[at] = "xyz"
            a, b = " ".join(one), " ".join(other)
            guess = likeness(sketch_of("".join(one).encode()), sketch_of("".join(other).encode()))
            errors.append(guess - jaccard(a, b))
        assert abs(sum(errors) / len(errors)) < 0.06
        assert max(map(abs, errors)) < 0.25


def test_near_duplicates_are_found_and_others_are_not() -> None:
    known = Duplicates(0.9)
    texts = [" ".join(words(seed, 400)) for seed in range(60)]
    assert all(known.find(text.encode(), number) is None for number, text in enumerate(texts))
    for number, text in enumerate(texts):
        said = text.encode().split()
        said[200] = b"changed"
        assert known.find(b" ".join(said), 1000 + number) == (number, False)
        said[::3] = [b"other"] * len(said[::3])
        assert known.find(b" ".join(said), 2000 + number) is None


def test_white_space_and_case_make_no_difference_and_numbers_do() -> None:
    known = Duplicates(0.9)
    assert known.find(b"What is 1 + 1?\nTwo.", 0) is None
    assert known.find(b"what is 1+1?  TWO.", 1) == (0, True)
    assert known.find(b"What is 1 + 2?\nTwo.", 2) is None


def test_near_duplicates_are_kept_when_asked() -> None:
    known = Duplicates(0)
    text = " ".join(words(1, 400))
    assert known.find(text.encode(), 0) is None
    assert known.find(text.encode() + b" more", 1) is None
    assert known.find(text.encode(), 2) == (0, True)


def test_a_sketch_is_the_same_on_every_run() -> None:
    assert sketch_of(("0123456789 " * 100).encode()) == sketch_of(("0123456789 " * 100).encode())
    assert sketch_of(" ".join(words(3, 200)).encode())[:3] == [11567583, 59417083, 93462823]

"""Numbers as people read them: sizes, counts and times, the same in every face and in every sentence of an error."""


def size(n_bytes: float) -> str:
    """Say a number of bytes in decimal units, as disks and Finder do: 4_700_000_000 is "4.7 GB"."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        # 999_950_000 would round to "1000.0 MB" in its own unit.
        if n_bytes >= scale * 0.99995:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes:.0f} bytes"


def one_line(error: object, longest: int = 300) -> str:
    """Say another's words on one short line, without its end mark or characters that move a terminal's cursor."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= longest else f"{line[:longest]}…"


def memory(n_bytes: float) -> str:
    """Say a number of bytes of memory in binary units under their everyday name: 2**34 is "16 GB"."""
    gib = n_bytes / 2**30
    return f"{gib:.0f} GB" if abs(gib - round(gib)) < 0.05 else f"{gib:.1f} GB"


def count(n: float) -> str:
    """Say how many weights a model has: 134_515_008 is "135M", 7_600_000_000 is "7.6B"."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if n >= scale * 0.9995:
            short = n / scale
            return f"{short:.1f}{unit}" if short < 9.95 and unit == "B" else f"{short:.0f}{unit}"
    return f"{n:.0f}"


def seconds(s: float) -> str:
    """Say a duration: "0.4 s", "18 s", "2 min 5 s"."""
    if s < 9.95:
        return f"{s:.1f} s"
    whole = round(s)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things: "1 trace", "1,000 traces"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"

"""Files of weights with damage by seed: the same number always gives the same damage.

Most of it goes to the header, where a reader can be led astray: bytes and bits, numbers made huge, negative or wrapped,
pieces cut out, put in, doubled or zeroed, and the end cut off.
"""

import json
import random
import re
import struct

_HUGE = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1]


def mutate(content: bytes, header_bytes: int, seed: int) -> bytes:
    """Damage a GGUF or safetensors file in one to four places. header_bytes: how much of it is header."""
    chance = random.Random(seed)
    if content[8:9] == b"{" and chance.random() < 0.5:
        return _with_changed_table(content, chance)
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        _damage(changed, header_bytes if chance.random() < 0.9 else len(changed), chance)
    return bytes(changed)


def _damage(content: bytearray, reach: int, chance: random.Random) -> None:
    at = chance.randrange(max(1, min(reach, len(content) - 8)))
    match chance.randrange(8):
        case 0:
            content[at] ^= 1 << chance.randrange(8)
        case 1:
            content[at] = chance.randrange(256)
        case 2:
            struct.pack_into("<Q", content, at, chance.choice(_HUGE))
        case 3:
            struct.pack_into("<I", content, at, chance.choice(_HUGE) & 0xFFFFFFFF)
        case 4:
            del content[at : at + chance.choice((1, 4, 8, 100))]
        case 5:
            content[at:at] = chance.randbytes(chance.choice((1, 4, 8, 100)))
        case 6:
            content[at:at] = content[at : at + 64]
        case 7:
            del content[chance.randrange(len(content)) :]
            content.extend(bytes(max(0, 16 - len(content))))


def _with_changed_table(content: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose header is JSON still, with other numbers, names and types in it."""
    length = struct.unpack("<Q", content[:8])[0]
    text = content[8 : 8 + length].decode()
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = _changed_text(text, chance)
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw + content[8 + length :]


def _changed_text(text: str, chance: random.Random) -> str:
    if chance.random() < 0.5:
        return _changed_tensor(text, chance)
    places = list(re.finditer(r"\d+|\"[A-Z]+\d+\"|[\[\],{}:]", text))
    place = chance.choice(places)
    if place[0][0].isdigit():
        number = int(place[0])
        new = chance.choice([*map(str, _HUGE), str(-number), str(number + 1), str(number * 65536), "1e9", "NaN", '"4"'])
    elif place[0][0] == '"':
        new = chance.choice(['"F64"', '"I8"', '"BOOL"', '"U32"', '"F16"', '"C64"', '"F4"', '"x"', "null"])
    else:
        new = chance.choice(["", place[0] * 2, "[" * 999, "{}"])
    return text[: place.start()] + new + text[place.end() :]


def _changed_tensor(text: str, chance: random.Random) -> str:
    """One tensor of the table put in another shape or place, which stays JSON."""
    try:
        table = json.loads(text)
        name = chance.choice([name for name in table if name != "__metadata__"])
        tensor, other = table[name], table[chance.choice([name for name in table if name != "__metadata__"])]
        match chance.randrange(6):
            case 0:  # its size overflows to what its bytes are: none
                tensor["shape"] = [65536] * 4
                tensor["data_offsets"] = tensor["data_offsets"][:1] * 2
            case 1:
                tensor["shape"] = [-1, -tensor["shape"][0], *tensor["shape"][1:]]
            case 2:
                tensor["data_offsets"] = other["data_offsets"]
            case 3:
                tensor["shape"] = tensor["shape"][::-1]
            case 4:  # 16 bytes less than nothing, which both wrap around to
                tensor["shape"] = [-4]
                tensor["data_offsets"] = [tensor["data_offsets"][0], (tensor["data_offsets"][0] - 16) % 2**64]
            case 5:
                table[f"{name}.x"] = table.pop(name)
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return text[: len(text) // 2]  # an earlier change broke it
    return json.dumps(table)

"""Tokens of a text as a model's own tokenizer counts them, without loading the model."""

from collections.abc import Callable

from models import errors
from models.checkpoint import bounded_files, model_files, tokenizer_bounds
from models.generate.tokenizer import BoundedTokenizer
from models.library import installed


def tokens_of(model: str) -> Callable[[str], int]:
    """A counter for the texts of a model, given as for library.find.

    Raises NotFound, Unsupported without a tokenizer.json, Corrupt and Unsafe for one that is not to be used.
    """
    from tokenizers import Tokenizer

    file, title = installed.find(model) / "tokenizer.json", installed.title(model)
    if not file.is_file():
        raise errors.Unsupported(f"{title} has no tokenizer.json to count tokens with.")
    content = bounded_files.read_bounded(file, model_files.MAX_TOKENIZER_BYTES)
    tokenizer_bounds.check(content, title)
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except BaseException as error:  # a panic in the tokenizers library is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise errors.Corrupt(f"The tokenizer of {title} can't be read.") from error
    tokenizer.no_truncation()  # a file may cut and pad what it reads, which would be counted
    tokenizer.no_padding()
    bounded = BoundedTokenizer(tokenizer, title)

    def count(text: str) -> int:
        return len(bounded.encode(text, add_special_tokens=False).ids)

    return count

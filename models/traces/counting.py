"""Tokens of a text as a model's own tokenizer counts them, without loading the model."""

from collections.abc import Callable

from models import errors
from models.checkpoint import bounded_files, model_files
from models.library import installed


def tokens_of(model: str) -> Callable[[str], int]:
    """A counter for the texts of a model, given as for library.find. Raises NotFound, and Unsupported without a tokenizer.json."""
    from tokenizers import Tokenizer

    file = installed.find(model) / "tokenizer.json"
    if not file.is_file():
        raise errors.Unsupported(f"{installed.title(model)} has no tokenizer.json to count tokens with.")
    try:
        tokenizer = Tokenizer.from_buffer(bounded_files.read_bounded(file, model_files.MAX_TOKENIZER_BYTES))
    except BaseException as error:  # a panic in the tokenizers library is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise errors.Corrupt(f"The tokenizer of {installed.title(model)} can't be read.") from error

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return count

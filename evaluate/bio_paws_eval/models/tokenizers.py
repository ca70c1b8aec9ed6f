"""Load a model's tokenizer as its files describe it, with a token to pad with that the model has an embedding of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from bio_paws.errors import BioPawsError, ModelError, first_line
from bio_paws_eval.models.architectures import join_of, known_tokens
from bio_paws_eval.models.model_files import ModelSource

PROBES = (
    "ACGTACGTTGCANN",
    "acgtnACGT",
    "MKVLATGGWYFEQRHDNPSCI",
    "The river was built in 1998, near Zürich.",
    "HELLO world",
)
"""Texts on which two tokenizers are compared."""


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """Load the tokenizer; where AutoTokenizer makes another one than tokenizer.json describes, load that file itself.

    GPT-2 and its like end and pad with the same token; their classifiers look at the last token that is not padding.
    They also get the token that ends a text where the token to pad with has no embedding.

    Raises
    ------
    ModelError
        When it cannot be loaded, has no token to pad with, or is not what tokenizer.json describes.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source.folder, **source.trust)
        _check_limit(source, tokenizer)
        with _cutting_and_padding_kept(tokenizer):
            differs = differs_from_file(source, tokenizer)
        if differs:
            tokenizer = _read_file(source, tokenizer)
    except BioPawsError:
        raise
    except Exception as error:  # whatever a damaged file makes the parsers raise
        needed = "sentencepiece and protobuf are" if "tiktoken" in str(error) else ""
        reason = f"{needed} needed to read it" if needed else first_line(error)
        raise ModelError(f"{source.id}: its tokenizer cannot be loaded ({reason})") from error
    if type(tokenizer).vocab_files_names and not _vocabulary_files(source.folder):
        raise ModelError(f"{source.id}: no vocabulary of its tokenizer: save the tokenizer beside the weights")
    _set_padding(source, tokenizer)
    return tokenizer


def _check_limit(source: ModelSource, tokenizer: PreTrainedTokenizerBase) -> None:
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or not longest > 0:
        raise ModelError(f"{source.id}: its tokenizer's model_max_length is not a number of tokens: {longest!r}")


@contextmanager
def _cutting_and_padding_kept(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Restore how a tokenizer cuts and pads: each call of it sets both, and they would be saved with it."""
    backend = tokenizer.backend_tokenizer if isinstance(tokenizer, PreTrainedTokenizerFast) else None
    if backend is None:
        yield
        return
    cutting, padding = backend.truncation, backend.padding
    try:
        yield
    finally:
        if cutting is not None:
            backend.enable_truncation(**cutting)
        if padding is not None:
            backend.enable_padding(**padding)


def differs_from_file(source: ModelSource, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a tokenizer encodes texts otherwise than the folder's tokenizer.json does.

    Transformers 5 makes some tokenizers anew from the vocabulary: a BertTokenizer puts all letters in lower case.
    """
    path = source.folder / "tokenizer.json"
    if not path.is_file():
        return False
    file = Tokenizer.from_file(str(path))
    file.no_padding()
    file.no_truncation()
    for text in PROBES:
        if tokenizer(text, add_special_tokens=False)["input_ids"] != file.encode(text, add_special_tokens=False).ids:
            return True
    if join_of(source.config) == "template":
        return bool(tokenizer(PROBES[0], PROBES[2])["input_ids"] != file.encode(PROBES[0], PROBES[2]).ids)
    return False


def is_from_file(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a tokenizer is tokenizer.json as it is, and not what AutoTokenizer made."""
    return isinstance(tokenizer, _FromFile)


class _FromFile(PreTrainedTokenizerFast):
    """What tokenizer.json describes."""


def _read_file(source: ModelSource, made: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Load tokenizer.json as it is, with the special tokens and limits that AutoTokenizer found."""
    special = {
        name: token
        for name, token in made.special_tokens_map.items()
        if token in made.get_vocab() and token is not None
    }
    tokenizer: PreTrainedTokenizerBase = _FromFile(  # type: ignore[no-untyped-call]
        tokenizer_file=str(source.folder / "tokenizer.json"),
        model_max_length=made.model_max_length,
        model_input_names=made.model_input_names,
        padding_side=made.padding_side,
        truncation_side=made.truncation_side,
    )
    tokenizer.add_special_tokens({name: token for name, token in special.items() if token in tokenizer.get_vocab()})
    if differs_from_file(source, tokenizer):
        raise ModelError(
            f"{source.id}: its tokenizer is not what tokenizer.json describes: save both by one version of Transformers"
        )
    return tokenizer


def _vocabulary_files(folder: Path) -> list[Path]:
    patterns = ("tokenizer.json", "vocab*", "merges.txt", "*.model", "*.tiktoken", "bpe.codes")
    return [path for pattern in patterns for path in folder.glob(pattern)]


def _set_padding(source: ModelSource, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = known_tokens(source)

    def usable(token: str | None) -> bool:
        return token is not None and (rows is None or tokenizer.get_vocab().get(token, rows) < rows)

    if usable(tokenizer.pad_token):
        return
    token = next((token for token in (tokenizer.eos_token, tokenizer.unk_token) if usable(token)), None)
    if token is None:
        raise ModelError(f"{source.id}: its tokenizer has no token to pad with: give it a pad_token")
    tokenizer.pad_token = token

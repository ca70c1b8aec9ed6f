"""Byte-level BPE, trained on the mixture, in its proportions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from bio_paws.errors import BioPawsError
from bio_paws_eval.pretrain.mixture import Documents, read_documents, take
from bio_paws_eval.pretrain.recipe import Language

END = "<|endoftext|>"
"""Stands between documents, as in GPT-2."""
CHUNK = 64
"""Letters of a sequence that are fed as one word, and so the most that a token can hold: whole, a genome would be one
word, and its repeats tokens of thousands of letters."""
SAMPLE_BYTES = 300_000_000
"""Of larger mixtures so much is fed: every chunk of DNA is a word of its own, and all words stay in memory."""


def train_tokenizer(
    documents: Mapping[Language, Documents], quotas: Mapping[Language, int], vocabulary: int
) -> Tokenizer:
    """Train a tokenizer on a mixture.

    Parameters
    ----------
    documents : dict of language to Documents
        From `mixture.make_documents`.
    quotas : dict of language to int
        Bytes of each, from `mixture.quotas`.
    vocabulary : int
        Tokens wanted; fewer where the mixture has no more pairs that stand in it twice.

    Raises
    ------
    BioPawsError
        When it does not give back what it was given.
    """
    part = min(1.0, SAMPLE_BYTES / sum(quotas.values()))
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        (
            word
            for language, written in documents.items()
            for word in words(take(read_documents(written.path), int(quotas[language] * part)), language)
        ),
        trainer,
    )
    tokenizer.encode_special_tokens = True
    for written in documents.values():
        first = next(read_documents(written.path))
        if tokenizer.decode(tokenizer.encode(first).ids, skip_special_tokens=False) != first:
            raise BioPawsError(f"the tokenizer does not give back a document of {written.path.name}")
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer; what a document says of the end of a document is text to it."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer


def end_of(tokenizer: Tokenizer) -> int:
    """Return the id of the end of a document."""
    end = tokenizer.token_to_id(END)
    assert end is not None
    return end


def words(documents: Iterable[str], language: Language) -> Iterator[str]:
    """Yield what BPE is fed: text as it is, where blanks part words, and sequences in chunks."""
    for document in documents:
        if language == "text":
            yield document
        else:
            yield from (document[at : at + CHUNK] for at in range(0, len(document), CHUNK))


def finished_tokenizer(tokenizer: Tokenizer, context: int) -> PreTrainedTokenizerFast:
    """Return it as Transformers saves and loads it; like GPT-2's, it has no token to pad with."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END, model_max_length=context
    )

"""Documents as tokens in memory-mapped files, and blocks of them in an order that seed and position alone decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.utils.data import Dataset

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, read_json, sha256_of, write_json
from bio_paws.execution.progress import progress
from bio_paws_eval.pretrain.mixture import Documents, batches_of, read_documents, take
from bio_paws_eval.pretrain.recipe import Language
from bio_paws_eval.pretrain.tokenizer import end_of

SHARD_LETTERS = 64_000_000
"""Letters of a token file: what a kill can cost."""
_BATCH_LETTERS = 1_000_000
MANIFEST = "tokens.json"


@dataclass(frozen=True)
class Shard:
    """A file of token ids: each document, and the end of a document after it.

    Attributes
    ----------
    file : str
        Its name.
    language : {"text", "dna", "protein"}
        What its documents are.
    documents, bytes, tokens : int
        How many documents, their size in UTF-8, and token ids.
    sha256 : str
        Of the file.
    """

    file: str
    language: Language
    documents: int
    bytes: int
    tokens: int
    sha256: str


def token_dtype(vocabulary: int) -> np.dtype[np.unsignedinteger]:
    """Little-endian numbers that hold every id of a vocabulary: uint16 up to 65,536 tokens, else uint32."""
    return np.dtype("<u2" if vocabulary <= 2**16 else "<u4")


def pack(
    documents: Mapping[Language, Documents], quotas: Mapping[Language, int], tokenizer: Tokenizer, folder: Path
) -> tuple[Shard, ...]:
    """Write the token files of a mixture and their manifest; files that stand already are not made again.

    Parameters
    ----------
    documents : dict of language to Documents
        From `mixture.make_documents`.
    quotas : dict of language to int
        Bytes of each.
    tokenizer : Tokenizer
        That of the mixture.
    folder : Path
        Where they are written; belongs to this mixture and tokenizer alone.
    """
    if (folder / MANIFEST).is_file():
        return tuple(Shard(**entry) for entry in read_json(folder / MANIFEST)["shards"])
    dtype = token_dtype(tokenizer.get_vocab_size())
    shards = []
    with progress(total=sum(quotas.values()), unit="B", scale=True, desc="tokens", leave=True) as bar:
        for language, written in documents.items():
            groups = batches_of(take(read_documents(written.path), quotas[language]), SHARD_LETTERS)
            for number, group in enumerate(groups):
                path = folder / f"{language}-{number:05}.bin"
                if not path.is_file():
                    with atomic(path) as part:
                        write_tokens(part, group, tokenizer, dtype)
                size = sum(len(document.encode()) for document in group)
                tokens = path.stat().st_size // dtype.itemsize
                shards.append(Shard(path.name, language, len(group), size, tokens, sha256_of(path)))
                bar.update(size)
    write_json(folder / MANIFEST, {"dtype": dtype.name, "shards": [vars(shard) for shard in shards]})
    return tuple(shards)


def write_tokens(path: Path, group: Sequence[str], tokenizer: Tokenizer, dtype: np.dtype[np.unsignedinteger]) -> None:
    """Write the ids of some documents to a file, a part of them at a time."""
    end = [end_of(tokenizer)]
    with path.open("wb") as out:
        for batch in batches_of(group, _BATCH_LETTERS):
            for encoding in tokenizer.encode_batch_fast(batch):
                out.write(np.array(encoding.ids + end, dtype=dtype).tobytes())


class Blocks(Dataset[NDArray[np.unsignedinteger]]):
    """Blocks of `context` ids, in the order they are trained on.

    Position p of the training is in pass p // n over the n blocks, and each pass has its own permutation: so what is
    trained on at a step depends on nothing that a stop could lose. What a file has over a whole number of blocks is
    left out.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], vocabulary: int, context: int, seed: int) -> None:
        dtype = token_dtype(vocabulary)
        self._context = context
        self._seed = seed
        self._files = []
        for shard in shards:
            path = folder / shard.file
            if path.stat().st_size != shard.tokens * dtype.itemsize:
                raise BioPawsError(f"{path}: not the size that {MANIFEST} tells: remove {folder} and run again")
            self._files.append(np.memmap(path, dtype=dtype, mode="r"))
        self._ends = np.cumsum([len(file) // context for file in self._files])
        self.count = int(self._ends[-1])
        if not self.count:
            raise BioPawsError(f"the mixture has not a single block of {context} tokens: ask for more bytes")
        self._permutation = lru_cache(maxsize=2)(self._permuted)
        self.positions = self.count

    def __len__(self) -> int:
        return self.positions

    def __getitem__(self, position: int) -> NDArray[np.unsignedinteger]:
        if not 0 <= position < self.positions:
            raise IndexError(position)
        return self.block(int(self._permutation(position // self.count)[position % self.count]))

    def block(self, number: int) -> NDArray[np.unsignedinteger]:
        """Return a block by its place in the files, shape=(context,)."""
        file = int(np.searchsorted(self._ends, number, side="right"))
        at = (number - (int(self._ends[file - 1]) if file else 0)) * self._context
        return self._files[file][at : at + self._context]

    def _permuted(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self._seed, epoch)).permutation(self.count)

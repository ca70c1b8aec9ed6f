"""UCSC's .2bit genomes, read by Biopython and handed on as the FASTA text that they stand for, soft mask included."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from Bio.SeqIO.TwoBitIO import TwoBitIterator

from bio_paws.errors import SourceError
from bio_paws.execution.memory import reraise_if_out_of_memory

_SIGNATURE = bytes.fromhex("1a412743")

_PIECE = 1 << 20  # bases
_PADDING = bytes(16)
"""Behind the file's bytes: where Biopython reads on past their end, which it does without a word, it stops in here."""


def is_twobit(data: bytes) -> bool:
    """Whether bytes are a .2bit file, of either byte order."""
    return data[:4] in (_SIGNATURE, _SIGNATURE[::-1])


def fasta_of_twobit(pieces: Iterable[bytes], where: str) -> Iterator[str]:
    """Yield the FASTA text of a .2bit file in pieces.

    Parameters
    ----------
    pieces : iterable of bytes
        The file.
    where : str
        Its name for messages.

    Raises
    ------
    SourceError
        When the file is cut or damaged, or has the 64-bit offsets that Biopython does not read.
    """
    # Biopython reads through the file's descriptor: what comes in pieces has none.
    with tempfile.TemporaryFile(prefix="bio-paws-") as stream:
        stream.writelines(pieces)
        size = stream.tell()
        stream.write(_PADDING)
        stream.seek(8)
        count = stream.read(4)
        stream.seek(0)
        try:
            parsed: Any = TwoBitIterator(stream)  # Biopython has no types for it
            if not len(parsed) or len(parsed) != int.from_bytes(count, parsed.byteorder):
                raise ValueError("it is cut, or empty, or two sequences have one name")
            for name, sequence in parsed.sequences.items():
                _require_whole(sequence._data, size)
                yield f">{name}\n"
                for at in range(0, len(sequence), _PIECE):
                    yield str(sequence[at : at + _PIECE])
                yield "\n"
        except Exception as error:  # Biopython's parser raises whatever it stumbles over
            reraise_if_out_of_memory(error)
            why = str(error) or type(error).__name__
            raise SourceError(f"{where}: not a .2bit file that can be read ({why}): fetch it again") from error


def _require_whole(packed: Any, size: int) -> None:
    """Check that the bases lie in the file and the blocks of N and of lower case in the sequence: C code trusts them.

    Raises
    ------
    ValueError
        When not.
    """
    if packed.offset + (packed.length + 3) // 4 > size:
        raise ValueError("it is cut")
    for blocks in (packed.nBlocks, packed.maskBlocks):
        borders = blocks.astype(np.int64).ravel()  # start and end of each block, ascending
        if len(borders) and (np.any(np.diff(borders) < 0) or borders[-1] > packed.length):
            raise ValueError("a block of N or of lower case lies outside its sequence")

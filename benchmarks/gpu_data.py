"""Write the folder that `benchmarks.gpu` reads: pairs as token ids, made where the package is installed.

python -m benchmarks.gpu_data FOLDER: pairs of PAWS-X where their folder is named in BIO_PAWS_PAWSX, else made up with
its lengths, by the tokenizer of all-MiniLM-L6-v2, which is that of BERT.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from transformers.utils.logging import set_verbosity_error

from benchmarks.evaluation import MODEL, PADDED, sentence_pairs
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.pair_encoder import encoder_of

PAIRS = 2048


def main(folder: Path) -> None:
    """Write ``tokens.npz``: the tokens of all pairs in one row, their types, the length of each pair, and its label."""
    set_verbosity_error()
    encoder = encoder_of(find_model(str(MODEL), None))
    with tempfile.TemporaryDirectory() as work:
        tokens = encode(sentence_pairs(PAIRS), encoder, "auto", PADDED, Path(work)).all()
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "tokens.npz",
        ids=np.concatenate(tokens.ids),
        types=np.concatenate(tokens.types or []),
        lengths=[len(ids) for ids in tokens.ids],
        labels=tokens.labels,
        pad_id=encoder.tokenizer.pad_token_id,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

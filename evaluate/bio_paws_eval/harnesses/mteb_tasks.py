"""Tasks of MTEB: pair classification by the similarity of two embeddings, as `--method cosine` does it.

``mteb.evaluate(model, bio_paws_eval.harnesses.mteb_tasks.tasks())`` is all that a user writes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bio_paws.configs import CHANGES, PairConfig
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError
from bio_paws_eval.harnesses.pair_data import PairData, find_pair_data

if TYPE_CHECKING:
    from datasets import Dataset
    from mteb.abstasks import AbsTaskPairClassification

_SIDES = ("sentence1", "sentence2")
_SOURCE = "https://www.ncbi.nlm.nih.gov/refseq/"
"""Where the sequences come from."""
_DESCRIPTIONS = {
    "dna": "Are two DNA sequences similar?",
    "protein": "Are two proteins similar?",
    "dna_protein": "Does a gene code for a protein?",
}


def tasks(data: str | None = None, split: str = "test") -> list[AbsTaskPairClassification]:
    """Return a task of MTEB for every config of a data set.

    Sequences are split into blocks where the model's tokenizer needs it, as `bio-paws eval` splits them.

    Parameters
    ----------
    data : str, optional
        A folder, or an id on the Hub; by default the folder ``bioPAWS``.
    split : {"test", "validation"}
        What is predicted.

    Raises
    ------
    BioPawsError
        When MTEB is not installed, or there are no such data.
    """
    try:
        import mteb  # noqa: F401
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[mteb]'") from error
    pairs = find_pair_data(data)
    return [_task(config, pairs, split) for config in pairs.contents]


def _task(config: PairConfig, pairs: PairData, split: str) -> AbsTaskPairClassification:
    from mteb.abstasks import AbsTaskPairClassification
    from mteb.abstasks.task_metadata import TaskMetadata

    class Task(AbsTaskPairClassification):  # type: ignore[misc]
        metadata = TaskMetadata(
            name=f"bioPAWS-{config.name}",
            description=f"{_DESCRIPTIONS[config.molecule]} Pairs of {config.summary}.",
            reference=_SOURCE,
            # MTEB keeps results by the revision: other rows must have another.
            dataset={"path": pairs.path, "name": config.name, "revision": pairs.contents[config]},
            type="PairClassification",
            category="t2t",
            modalities=["text"],
            eval_splits=[split],
            eval_langs=["zxx-Zxxx"],  # no linguistic content
            main_score="cosine_ap",
            date=(CHANGES[-1][1], CHANGES[0][1]),
            domains=["Academic"],
            task_subtypes=["Duplicate Detection"],
            license="not specified",
            annotations_creators="derived",
            dialect=[],
            sample_creation="created" if config.rearranged else "found",
            bibtex_citation="",
        )
        label_column_name = "label"
        data_loaded: bool

        def load_data(self, *_: Any, **__: Any) -> None:
            """Load the pairs, and check that they are those of the data set's manifest."""
            if not self.data_loaded:
                self.dataset = {split: load(config.name, data=pairs.path, split=split)}
                self.data_loaded = True

        def evaluate(self, model: Any, *arguments: Any, **options: Any) -> Any:
            """Evaluate a model on sequences as its tokenizer needs them."""
            self.load_data()
            whole = self.dataset
            self.dataset = {split: _split_for_model(model, whole[split], self.metadata.name)}
            try:
                return super().evaluate(model, *arguments, **options)
            finally:
                self.dataset = whole

    return Task()


def _split_for_model(model: Any, pairs: Dataset, name: str) -> Dataset:
    """Return the pairs with their sequences in the longest blocks of which the model's tokenizer knows enough.

    Raises
    ------
    BioPawsError
        When too many tokens are unknown however short the blocks are.
    """
    from transformers import PreTrainedTokenizerBase

    from bio_paws_eval.representations.embed import split_for_tokenizer

    wrapped = getattr(model, "model", model)  # MTEB wraps what sentence-transformers loads
    tokenizer = getattr(wrapped, "tokenizer", None)
    logger = logging.getLogger(__name__)
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        logger.warning("%s: the model shows no tokenizer: whether it knows the letters is not checked", name)
        return pairs
    texts = [text for side in _SIDES for text in pairs[side]]
    split = split_for_tokenizer(tokenizer, texts)
    longest = getattr(wrapped, "max_seq_length", None)
    cut = sum(len(ids) > longest for ids in tokenizer(split, verbose=False)["input_ids"]) if longest else 0
    if cut:
        logger.warning("%s: %d of %d sequences are cut to %d tokens", name, cut, len(split), longest)
    for side, column in zip(_SIDES, (split[: len(pairs)], split[len(pairs) :]), strict=True):
        pairs = pairs.remove_columns(side).add_column(side, column)
    return pairs

"""Configs of bioPAWS, streamed from a folder or from the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from bio_paws import configs
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError, DamagedFile
from bio_paws_eval.tasks.pairs import (
    COLUMNS,
    ROWS_PER_BATCH,
    MissingPairs,
    Pairs,
    UnreachablePairs,
    describe_pairs,
    first_rows,
)
from bio_paws_eval.tasks.registry import Sources

_COLUMNS = pa.schema([*COLUMNS, *((name, pa.string()) for name in ("kind", "group1", "group2"))])


def load_biopaws(name: str, split: str, sources: Sources) -> Pairs:
    """Open a split of a config.

    Parameters
    ----------
    name : str
        Of a config, as in ``dna150``.
    split : {"train", "validation", "test"}
        Its split.
    sources : Sources
        Where bioPAWS is, and how many pairs are read.

    Raises
    ------
    MissingPairs
        When there is no such data set, config or split, or the Hub cannot be reached.
    DamagedFile
        When a file of the data set is not the one that its manifest names.
    """
    try:
        dataset = load(name, data=sources.data, split=split, streaming=True)
    except DamagedFile:
        raise  # it is there: an evaluation of everything that is available must not leave it out
    except BioPawsError as error:
        missing = UnreachablePairs if isinstance(error.__cause__, ConnectionError) else MissingPairs
        raise missing(str(error)) from error
    molecule = configs.get_config(name).molecule
    return describe_pairs(name, split, molecule, partial(_stream, dataset, sources.limit), 0, str(dataset.info.version))


def _stream(dataset: object, limit: int | None) -> Iterator[pa.RecordBatch]:
    tables = dataset.with_format("arrow").iter(ROWS_PER_BATCH)  # type: ignore[attr-defined]
    narrowed = (table.select(_COLUMNS.names).cast(_COLUMNS) for table in tables)
    return first_rows((batch for table in narrowed for batch in table.combine_chunks().to_batches()), limit)

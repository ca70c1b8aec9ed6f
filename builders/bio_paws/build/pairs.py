"""The pairs of a split on disk, in the order of their ids, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bio_paws.configs import PairConfig
from bio_paws.execution.files import atomic, require_sealed, temporary_folder
from bio_paws.execution.sealed import SEAL_BYTES, seal
from bio_paws.schema import ID_ALPHABET, SCHEMA, UNLABELED_SCHEMA, pair_ids

_ROWS_AT_ONCE = 10_000  # of these as Python's


def write_pairs(path: Path, tables: Iterable[pa.Table], config: PairConfig, split: str) -> None:
    """Give rows their label and id, and write them in the order of their ids, which is random.

    Rows go to one file for each first letter of an id, and each of these is sorted by itself.

    Parameters
    ----------
    path : Path
        Sealed Arrow IPC file, schema `SCHEMA`, written atomically.
    tables : iterable of pyarrow.Table
        Schema `UNLABELED_SCHEMA`; read once.
    config, split : PairConfig, str
        Where the rows stand.
    """
    with atomic(path) as part, temporary_folder(path.parent, "pairs") as folder:
        letters = {letter: folder / letter for letter in ID_ALPHABET}
        with ExitStack() as stack:
            writers = {}
            for letter, file in letters.items():
                out = stack.enter_context(pa.OSFile(str(file), "wb"))
                writers[letter] = stack.enter_context(pa.ipc.new_stream(out, SCHEMA))
            for table in tables:
                finished = _finished(table, config, split)
                first = pc.utf8_slice_codeunits(finished["pair_id"], 0, 1)
                for letter, writer in writers.items():
                    writer.write_table(finished.filter(pc.equal(first, letter)))
        with pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, SCHEMA) as writer:
            for file in letters.values():
                with pa.OSFile(str(file), "rb") as stored:
                    table = pa.ipc.open_stream(stored).read_all()
                writer.write_table(table.sort_by("pair_id").combine_chunks())
        seal(part, path.name)


def read_pairs(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read what `write_pairs` wrote, batch by batch and not mapped: nothing of it stays in memory.

    Raises
    ------
    DamagedFile
        When it is not as it was written.
    """
    require_sealed(path)
    with pa.OSFile(str(path), "rb") as stored:
        file = pa.ipc.open_file(stored, footer_offset=stored.size() - SEAL_BYTES)
        for number in range(file.num_record_batches):
            batch = file.get_batch(number)
            yield batch if columns is None else batch.select(columns)


@dataclass(frozen=True)
class DistinctSequences:
    """The different strings of pairs that `write_pairs` wrote; read anew each time they are gone through."""

    paths: tuple[Path, ...]

    def __iter__(self) -> Iterator[str]:
        seen: set[str] = set()
        for path in self.paths:
            for batch in read_pairs(path, ["sentence1", "sentence2"]):
                for at in range(0, len(batch), _ROWS_AT_ONCE):
                    texts = pa.concat_arrays(batch.slice(at, _ROWS_AT_ONCE).columns).to_pylist()
                    for text in texts:
                        if text not in seen:
                            seen.add(text)
                            yield text


def _finished(table: pa.Table, config: PairConfig, split: str) -> pa.Table:
    """Add label and id."""
    similar = pc.is_in(table["kind"], pa.array(sorted(config.similar_types), pa.string()))
    columns = {name: table[name] for name in UNLABELED_SCHEMA.names} | {"label": similar.cast(pa.int64())}
    labelled = pa.table(columns)
    columns["pair_id"] = pair_ids(labelled, config.name, split)
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

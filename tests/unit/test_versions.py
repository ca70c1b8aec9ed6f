"""What a release changes of the one before it, and the version that calls for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.dataset.versions import Difference, check_version, differences, parse_version
from bio_paws.errors import BioPawsError
from bio_paws.schema import SCHEMA, pair_id
from bio_paws_cards.manifest import Manifest

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest.json"
Row = dict[str, Any]


def row(number: int, **changes: Any) -> Row:
    ends: Row = {}
    for side in "12":
        ends |= {f"sentence{side}": "ACGT" * (number + 1), f"source{side}": f"NC_{number}", f"start{side}": number}
        ends |= {f"end{side}": 9, f"strand{side}": "+", f"organism{side}": "T", f"group{side}": "g"}
    scores = {"similarity": 1.0, "identity": 1.0, "evalue": 0.0, "bit_score": 9.0, "sw_score": 9}
    return ends | scores | {"label": 1, "kind": "homolog"} | changes


class Built:
    """A data set of one config and one split."""

    def __init__(self, folder: Path, version: str, rows: list[Row], config: str = "dna50") -> None:
        self.folder = folder / version
        (self.folder / config).mkdir(parents=True)
        named = [row | {"pair_id": pair_id(row, config, "test")} for row in rows]
        pq.write_table(pa.Table.from_pylist(named, schema=SCHEMA), self.folder / config / "test.parquet")
        digest = hashlib.sha256("".join(sorted(entry["pair_id"] for entry in named)).encode()).hexdigest()
        manifest: dict[str, Any] = json.loads(GOLDEN.read_text())
        entry = manifest["configs"].popitem()[1] | {"content_sha256": digest}
        entry["columns"] = [[name, ""] for name in SCHEMA.names]
        entry["splits"] = {"test": entry["splits"]["test"] | {"file": f"{config}/test.parquet"}}
        self.manifest = Manifest.model_validate(manifest | {"version": version, "configs": {config: entry}})

    def file(self, name: str) -> Path:
        return self.folder / name


def compare(new: Built, old: Built) -> list[Difference]:
    return differences(new.manifest.configs, old.manifest.configs, new.file, old.file)


ROWS = [row(number) for number in range(4)]


@pytest.mark.parametrize(
    ("rows", "expected", "least"),
    [
        (ROWS, (0, 0, 0, False), "1.0.1"),
        ([*ROWS, row(7)], (1, 0, 0, True), "2.0.0"),
        (ROWS[1:], (0, 1, 0, True), "2.0.0"),
        ([row(7), *ROWS[1:]], (1, 1, 0, True), "2.0.0"),
        ([row(0, label=0), *ROWS[1:]], (0, 0, 1, True), "2.0.0"),
        ([row(0, sentence1="TTTT"), *ROWS[1:]], (0, 0, 1, True), "2.0.0"),
        ([row(0, source1="NC_9"), *ROWS[1:]], (0, 0, 1, False), "1.1.0"),
        ([row(0, evalue=1e-9), row(7), *ROWS[2:]], (1, 1, 1, True), "2.0.0"),
    ],
)
def test_rows_and_the_version_they_call_for(
    rows: list[Row], expected: tuple[int, int, int, bool], least: str, tmp_path: Path
) -> None:
    old, new = Built(tmp_path, "1.0.0", ROWS), Built(tmp_path, least, rows)
    (change,) = compare(new, old)
    assert (change.added, change.removed, change.changed, change.scored) == expected
    check_version(new.manifest, old.manifest, [change])
    for below in {"1.0.0", "1.0.1", "1.1.0"} - {least}:
        if parse_version(below) < parse_version(least):
            with pytest.raises(BioPawsError, match=f"build under version {least} or later, not {below}"):
                check_version(new.manifest.model_copy(update={"version": below}), old.manifest, [change])


def test_a_config_that_comes_is_minor_and_one_that_goes_is_major(tmp_path: Path) -> None:
    old, more = Built(tmp_path, "1.0.0", ROWS), Built(tmp_path, "1.1.0", ROWS)
    other = Built(tmp_path, "3.0.0", ROWS, "dna150")
    more.manifest.configs["dna150"] = other.manifest.configs["dna150"]
    changes = differences(more.manifest.configs, old.manifest.configs, other.file, old.file)
    assert [(change.config, change.added) for change in changes] == [("dna50", 0), ("dna150", 4)]
    check_version(more.manifest, old.manifest, changes)
    with pytest.raises(BioPawsError, match=r"1\.1\.0 or later"):
        check_version(more.manifest.model_copy(update={"version": "1.0.1"}), old.manifest, changes)
    back = differences(old.manifest.configs, more.manifest.configs, old.file, other.file)
    assert [(change.config, change.removed, change.scored) for change in back] == [
        ("dna50", 0, False),
        ("dna150", 4, True),
    ]
    with pytest.raises(BioPawsError, match=r"build under version 2\.0\.0 or later"):
        check_version(old.manifest.model_copy(update={"version": "1.2.0"}), more.manifest, back)


@pytest.mark.parametrize("text", ["1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.0.0 ", "None"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(BioPawsError, match="is not a version"):
        parse_version(text)

"""`verify` finds every change of a row, names it, and exits with 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.checks import _check_orders, verify
from bio_paws.configs import get_config
from bio_paws.executors import InProcessExecutor
from bio_paws.records import SCHEMA, pair_id
from bio_paws.writer import content_hash, read_manifest, write_split
from conftest import Run

TRAIN, TEST = "train-00000-of-00001.parquet", "test-00000-of-00001.parquet"
Rows = list[dict[str, Any]]


def rewrite(path: Path, change: Callable[[Rows], None]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def other_base(text: str) -> str:
    return text[:20] + ("A" if text[20] != "A" else "C") + text[21:]


@pytest.mark.parametrize("config", ["dna150s", "dna150", "protein150", "dna_protein", "dna150_paws", "dna150_graded"])
def test_a_flipped_label_is_named(config: str, built_copy: Path, bio_paws: Run) -> None:
    named = []

    def flip(rows: Rows) -> None:
        rows[3]["label"] = 1 - rows[3]["label"]
        named.append(rows[3]["pair_id"])

    rewrite(built_copy / config / TRAIN, flip)
    done = bio_paws("verify", built_copy, "--workers", 1)
    assert done.returncode == 1
    assert f"{config}/train row {named[0]}: label" in done.stdout
    assert done.stderr == ""


def test_a_changed_base_is_named(built_copy: Path, bio_paws: Run) -> None:
    named = []

    def change(rows: Rows) -> None:
        rows[5]["sentence2"] = other_base(rows[5]["sentence2"])
        named.append(rows[5]["pair_id"])

    rewrite(built_copy / "dna150" / TEST, change)
    done = bio_paws("verify", built_copy, "--workers", 1)
    assert done.returncode == 1
    assert f"dna150/test row {named[0]}: pair_id is not the digest" in done.stdout


def test_a_row_moved_to_test_is_named(built_copy: Path, bio_paws: Run) -> None:
    moved: Rows = []
    rewrite(built_copy / "dna150" / TRAIN, lambda rows: moved.append(rows.pop(2)))
    rewrite(built_copy / "dna150" / TEST, lambda rows: rows.append(moved[0]))
    done = bio_paws("verify", built_copy, "--workers", 1)
    assert done.returncode == 1
    where = f"dna150/test row {moved[0]['pair_id']}"
    assert f"{where}: pair_id is not the digest of the row in this split" in done.stdout
    assert f"{where}: homology group" in done.stdout


@pytest.mark.parametrize("column", SCHEMA.names)
def test_any_changed_value_is_named(column: str, built_copy: Path) -> None:
    named = []

    def change(rows: Rows) -> None:
        value = rows[1][column]
        if isinstance(value, str):
            rows[1][column] = value[:-1] + ("A" if value[-1] != "A" else "C")
        else:
            rows[1][column] = value + 1
        named.append(rows[1]["pair_id"])

    rewrite(built_copy / "protein150" / TRAIN, change)
    found = verify(built_copy, read_manifest(built_copy), InProcessExecutor())
    assert any(violation.pair_id == named[0] for violation in found)


def forge(folder: Path, config: str, split: str, change: Callable[[Rows], None]) -> list[str]:
    """Change rows and make every hash fit again, as a builder with a bug would; return what verify says."""
    manifest = read_manifest(folder)
    entry = manifest["configs"][config]
    path = folder / entry["splits"][split]["file"]
    rows = pq.read_table(path).to_pylist()
    change(rows)
    for row in rows:
        row["pair_id"] = pair_id(row, config, split)
    rows.sort(key=lambda row: str(row["pair_id"]))
    write_split(path, pa.Table.from_pylist(rows, schema=SCHEMA), get_config(config))
    from bio_paws.files import sha256_of

    entry["splits"][split] |= {"sha256": sha256_of(path), "rows": len(rows)}
    ids = {name: pq.read_table(folder / one["file"])["pair_id"].to_pylist() for name, one in entry["splits"].items()}
    entry["content_sha256"] = content_hash(ids)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return [violation.what for violation in verify(folder, manifest, InProcessExecutor())]


def first(rows: Rows, **wanted: object) -> dict[str, Any]:
    return next(row for row in rows if all(row[name] == value for name, value in wanted.items()))


def test_forged_hashes_do_not_hide_a_label(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        row["label"], row["kind"] = 0, "other_group"

    said = forge(built_copy, "dna150", "train", change)
    assert any(what.startswith("dissimilar, but similarity is") for what in said)
    assert any("does not go with groups" in what for what in said)
    assert any("similar but" in what for what in said)
    assert any("not equally often under both labels" in what for what in said)


def test_forged_hashes_do_not_hide_a_base(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=1, kind="identical")
        row["sentence2"] = other_base(row["sentence2"])

    said = forge(built_copy, "dna150s", "train", change)
    assert "kind 'identical', but the sides differ" in said
    assert any(what.startswith("similarity is") for what in said)


def test_forged_hashes_do_not_hide_a_leak(built_copy: Path) -> None:
    train = pq.read_table(built_copy / "dna150" / TRAIN).to_pylist()
    leaked = first(train, label=1)

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        # One base changed, other coordinates, the right group: only a search can find it.
        group, origin = row["group1"], {name: row[name] for name in ("start1", "end1", "start2", "end2")}
        row.update(leaked | {"group1": group, "group2": group} | origin)
        row["sentence1"] = other_base(row["sentence1"])

    said = forge(built_copy, "dna150", "test", change)
    assert any(what.startswith("homologous to row") for what in said)


def test_forged_hashes_do_not_hide_a_repetition(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=0)
        swapped = {f"{name[:-1]}{'21'[int(name[-1]) - 1]}": row[name] for name in row if name[-1] in "12"}
        rows.append(row | swapped)

    assert any(what.startswith("the pair of row") for what in forge(built_copy, "protein150", "train", change))


def test_overlap_across_splits_is_found(built_copy: Path) -> None:
    train = first(pq.read_table(built_copy / "dna150" / TRAIN).to_pylist(), label=1)

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        row["source1"], row["start1"] = train["source1"], train["start1"] + 10
        row["end1"] = row["start1"] + len(row["sentence1"])

    assert any("overlaps an interval in train" in what for what in forge(built_copy, "dna50", "test", change))


def test_words_in_common_that_tell_the_label_are_found(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=0, kind="permuted")
        row["sentence2"] = row["sentence2"][::-1]  # the same letters, other words

    said = forge(built_copy, "dna150_paws", "train", change)
    assert any(what.startswith("5-letter overlap") for what in said)
    assert any("not equally often under both labels" in what for what in said)


def test_one_string_may_stand_in_two_squares() -> None:
    first, second, third = "ACGTACGTAACC", "ACGTACGTTTGG", "ACGTTTGGACGT"
    kinds = ((1, "permuted_homolog"), (0, "permuted"))
    rows = [
        {"pair_id": f"{label}{other}", "sentence1": first, "sentence2": other, "label": label, "kind": kind}
        for other in (second, first[::-1])
        for label, kind in kinds
    ]
    rows[1]["sentence2"] = third
    assert [what for _, what in _check_orders(rows) if "letters of" in what] == []
    rows[1]["sentence2"] = third[:-1] + "A"
    assert any("letters of" in what for _, what in _check_orders(rows))


def test_a_shuffle_that_loses_a_dinucleotide_is_found(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=0, kind="shuffled")
        text = row["sentence2"]
        at = next(i for i in range(1, len(text) - 2) if len(set(text[i - 1 : i + 3])) == 4)
        row["sentence2"] = text[:at] + text[at + 1] + text[at] + text[at + 2 :]

    said = forge(built_copy, "dna150_paws", "train", change)
    assert any(what.startswith("sentence2 does not keep the counts of neighbours") for what in said)


def test_an_adversarial_pair_without_its_match_is_found(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        rows.remove(first(rows, label=1))

    said = forge(built_copy, "dna150_paws", "train", change)
    assert any("not equally often under both labels" in what for what in said)
    assert any(what.startswith("no similar pair has the same sentence1") for what in said)


def test_a_pair_in_the_wrong_band_is_found(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        first(rows, kind="homolog_70")["kind"] = "remote"

    said = forge(built_copy, "dna150_graded", "train", change)
    assert any(what.startswith("kind 'remote', but similarity is 0.7") for what in said)
    assert any(what.startswith("bands are not equally filled") for what in said)


def test_a_coding_pair_that_does_not_read_is_found(built_copy: Path) -> None:
    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        middle = len(row["sentence1"]) // 2
        row["sentence1"] = row["sentence1"][:middle] + "AC" + row["sentence1"][middle:-2]

    said = forge(built_copy, "dna_protein", "train", change)
    assert any(what.startswith("coding, but only") for what in said)


def test_damaged_and_missing_files_are_violations(built_copy: Path, bio_paws: Run) -> None:
    damaged = built_copy / "dna50" / TRAIN
    data = bytearray(damaged.read_bytes())
    data[len(data) // 3] ^= 4
    damaged.write_bytes(data)
    (built_copy / "dna150" / TEST).unlink()
    done = bio_paws("verify", built_copy, "--workers", 1)
    assert done.returncode == 1
    assert "dna50/train: " in done.stdout
    assert "dna150/test: cannot be read" in done.stdout
    assert "Traceback" not in done.stderr


def test_verify_of_something_else_is_wrong_use(tmp_path: Path, bio_paws: Run) -> None:
    done = bio_paws("verify", tmp_path)
    assert done.returncode == 2
    assert "no manifest.json in it" in done.stderr


def test_verify_measures_shortcuts(built: Path, bio_paws: Run) -> None:
    done = bio_paws("verify", built, "--shortcuts", "--json", "--workers", 1)
    assert done.returncode == 0
    shortcuts = json.loads(done.stdout)["shortcuts"]
    # The same strings stand on each side under both labels, so a model of one side cannot tell them apart.
    assert shortcuts["dna150"]["floors"]["sentence1"] == shortcuts["protein150"]["floors"]["sentence2"] == 0.5
    configs = json.loads((built / "manifest.json").read_text())["configs"]
    for name, entry in configs.items():
        assert shortcuts[name] == {"floors": entry["floors"], "ceilings": entry["ceilings"]}, name
    spliced = configs["dna_protein"]["ceilings"]["spliced"]
    assert f"| spliced {spliced:.3f} |" in (built / "README.md").read_text()

"""`verify` finds every change of a row, names it, and exits with 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.build.export import finish, write_config
from bio_paws.cli.app import main
from bio_paws.cli.text import counted
from bio_paws.configs import get_config
from bio_paws.dataset.manifest import read_manifest
from bio_paws.errors import BioPawsError
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.features.breadth import BROAD
from bio_paws.schema import SCHEMA, pair_id
from bio_paws.verify.splits import matching_faults
from bio_paws.verify.verify import verify
from conftest import Run
from releases import release

TRAIN, TEST = "train-00000-of-00001.parquet", "test-00000-of-00001.parquet"
Rows = list[dict[str, Any]]
Part = Callable[..., Path]
Verified = Callable[..., list[str]]


@pytest.fixture
def part(built: Path, tmp_path: Path) -> Callable[..., Path]:
    """Some of the configs that were built, as a data set of its own."""
    return lambda *configs: release(built, tmp_path / "bioPAWS", "1.0.0", configs)


@pytest.fixture
def verified(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """What `bio-paws verify` says, run in this process: it must exit with 1, and say nothing else."""

    def run(folder: Path, *options: str) -> list[str]:
        assert main(["verify", str(folder), "--workers", "1", *options]) == 1
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.splitlines()

    return run


def rewrite(path: Path, change: Callable[[Rows], None]) -> None:
    """Change rows, and no hash."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def other_base(text: str) -> str:
    return text[:20] + ("A" if text[20] != "A" else "C") + text[21:]


@pytest.mark.parametrize("config", ["dna150s", "dna150", "protein150", "dna_protein", "dna150_paws", "dna150_graded"])
def test_a_flipped_label_is_named(config: str, part: Part, verified: Verified) -> None:
    folder = part(config)
    named = []

    def flip(rows: Rows) -> None:
        rows[3]["label"] = 1 - rows[3]["label"]
        named.append(rows[3]["pair_id"])

    rewrite(folder / config / TRAIN, flip)
    lines = verified(folder)
    assert lines[0] == f"FILE003 {config}/train: {config}/{TRAIN}: size or sha256 is not the manifest's"
    assert all(line.split(" ", 1)[1].startswith(f"{config}/train row {named[0]}: ") for line in lines[1:-1])
    assert any(line.startswith("ROW003 ") and ": label" in line for line in lines[1:-1])
    assert lines[-1].endswith(f", {counted(len(lines) - 1, 'violation')}")


def test_a_changed_base_is_named(part: Part, verified: Verified) -> None:
    folder = part("dna150")
    named = []

    def change(rows: Rows) -> None:
        rows[5]["sentence2"] = other_base(rows[5]["sentence2"])
        named.append(rows[5]["pair_id"])

    rewrite(folder / "dna150" / TEST, change)
    first, row = json.loads("".join(verified(folder, "--json")))["violations"]
    assert list(row) == ["code", "config", "split", "pair_id", "message"]
    assert list(first.values())[:-1] == ["FILE003", "dna150", "test", ""]
    assert list(row.values())[:-1] == ["ROW002", "dna150", "test", named[0]]
    assert row["message"].startswith("pair_id is not the digest")


def test_a_row_moved_to_test_is_named(part: Part, verified: Verified) -> None:
    folder = part("dna150")
    moved: Rows = []
    rewrite(folder / "dna150" / TRAIN, lambda rows: moved.append(rows.pop(2)))
    rewrite(folder / "dna150" / TEST, lambda rows: rows.append(moved[0]))
    where = f"ROW002 dna150/test row {moved[0]['pair_id']}"
    assert any(
        line.startswith(f"{where}: pair_id is not the digest of the row in this split") for line in verified(folder)
    )
    said = forge(folder, "dna150", "test", lambda rows: None)
    assert any(what.startswith("homology group") for what in said)


@pytest.mark.parametrize("column", SCHEMA.names)
def test_any_changed_value_is_named(column: str, part: Part) -> None:
    folder = part("protein150")
    named = []

    def change(rows: Rows) -> None:
        value = rows[1][column]
        if isinstance(value, str):
            rows[1][column] = value[:-1] + ("A" if value[-1] != "A" else "C")
        else:
            rows[1][column] = value + 1
        named.append(rows[1]["pair_id"])

    rewrite(folder / "protein150" / TRAIN, change)
    violations = verify(folder, read_manifest(folder), InProcessExecutor())
    assert any(violation.pair_id == named[0] for violation in violations)


def forge(folder: Path, config: str, split: str, change: Callable[[Rows], None]) -> list[str]:
    """Change rows and make every id, hash and the card fit again, as somebody with intent would.

    Returns
    -------
    list of str
        What verify says.
    """
    manifest = read_manifest(folder)
    path = folder / manifest.configs[config].splits[split].file
    rows = pq.read_table(path).to_pylist()
    change(rows)
    for row in rows:
        row["pair_id"] = pair_id(row, config, split)
    rows.sort(key=lambda row: str(row["pair_id"]))
    return forge_table(folder, config, split, pa.Table.from_pylist(rows, schema=SCHEMA))


def forge_table(folder: Path, config: str, split: str, table: pa.Table) -> list[str]:
    """Put other rows in the place of a split's, with hashes that fit, and a card where one can be rendered."""
    manifest = read_manifest(folder)
    tables = {name: pq.read_table(folder / split.file) for name, split in manifest.configs[config].splits.items()}
    # What was read from Parquet has maps of missing values, which a build's tables do not have.
    made = {name: pa.Table.from_pylist(table.to_pylist(), table.schema) for name, table in tables.items()}
    written = write_config(folder, get_config(config), made | {split: table}, {})
    for name in ("outcomes", "baselines", "upper_bounds"):
        setattr(written, name, getattr(manifest.configs[config], name))
    manifest.configs[config] = written
    with suppress(BioPawsError):
        finish(folder, manifest)
    return [violation.message for violation in verify(folder, manifest, InProcessExecutor())]


def test_rows_in_another_order_are_found(part: Part) -> None:
    folder = part("dna50")
    path = folder / "dna50" / TRAIN
    table = pq.read_table(path)
    rows = table.to_pylist()
    swapped = pa.Table.from_pylist([rows[1], rows[0], *rows[2:]], table.schema)
    assert forge_table(folder, "dna50", "train", swapped) == ["rows are not in the order of their ids"]
    rewrite(path, lambda rows: rows.reverse())
    said = [violation.message for violation in verify(folder, read_manifest(folder), InProcessExecutor())]
    assert said == [f"dna50/{TRAIN}: size or sha256 is not the manifest's"]


def test_what_is_no_value_is_found(part: Part) -> None:
    folder = part("dna50")
    table = pq.read_table(folder / "dna50" / TRAIN)
    for column in ("sentence1", "label", "similarity", "pair_id"):
        values = table[column].to_pylist()
        place = table.schema.get_field_index(column)
        missing = table.set_column(place, column, pa.array([None, *values[1:]], table.schema.field(column).type))
        assert "a value is missing" in forge_table(folder, "dna50", "train", missing), column
    bytes_ = pa.array([b"\xff", *(row.encode() for row in table["kind"].to_pylist()[1:])])
    broken = pa.StringArray.from_buffers(len(bytes_), *bytes_.buffers()[1:])
    said = forge_table(folder, "dna50", "train", table.set_column(table.schema.get_field_index("kind"), "kind", broken))
    assert any(what.startswith("cannot be read: ") and "UTF8" in what for what in said)


def test_a_manifest_that_turns_the_labels_round_is_found(part: Part) -> None:
    """The rows stay, and mean the opposite."""
    folder = part("dna50")
    manifest = read_manifest(folder)
    manifest.configs["dna50"].label_names.reverse()
    test_split = manifest.configs["dna50"].splits["test"]
    test_split.similar += 1
    assert test_split.breadth is not None
    groups = test_split.breadth.groups
    test_split.breadth.groups += 1
    manifest.configs["dna50"].breadth_bounds = BROAD
    finish(folder, manifest)
    said = [str(violation) for violation in verify(folder, manifest, InProcessExecutor())]
    assert "CONFIG002 dna50: the manifest names another molecule, or other labels" in said
    assert any(what.startswith("SPLIT009 dna50/validation: ") for what in said)
    assert f"SPLIT008 dna50/test: groups: {groups}, the manifest says {groups + 1}" in said
    assert any(
        what.startswith("SPLIT002 dna50/test: 40 rows, 20 similar, the manifest says 40 and 21") for what in said
    )
    assert "VIEWER007 dna50/train: the file's features are not the card's" in said


def first(rows: Rows, **wanted: object) -> dict[str, Any]:
    return next(row for row in rows if all(row[name] == value for name, value in wanted.items()))


def test_forged_hashes_do_not_hide_a_label(part: Part) -> None:
    folder = part("dna150")

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        row["label"], row["kind"] = 0, "other_group"

    said = forge(folder, "dna150", "train", change)
    assert any(what.startswith("dissimilar, but similarity is") for what in said)
    assert any("does not go with groups" in what for what in said)
    assert any("similar but" in what for what in said)
    assert any("not equally often under both labels" in what for what in said)


def test_forged_hashes_do_not_hide_a_base(part: Part) -> None:
    folder = part("dna150s")

    def change(rows: Rows) -> None:
        row = first(rows, label=1, kind="identical")
        row["sentence2"] = other_base(row["sentence2"])

    said = forge(folder, "dna150s", "train", change)
    assert "kind 'identical', but the sides differ" in said
    assert any(what.startswith("similarity is") for what in said)


def test_forged_hashes_do_not_hide_a_leak(part: Part) -> None:
    folder = part("dna150")
    train = pq.read_table(folder / "dna150" / TRAIN).to_pylist()
    leaked = first(train, label=1)

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        # One base changed, other coordinates, the right group: only a search can find it.
        group, origin = row["group1"], {name: row[name] for name in ("start1", "end1", "start2", "end2")}
        row.update(leaked | {"group1": group, "group2": group} | origin)
        row["sentence1"] = other_base(row["sentence1"])

    said = forge(folder, "dna150", "test", change)
    assert any(what.startswith("homologous to row") for what in said)


def test_forged_hashes_do_not_hide_a_repetition(part: Part) -> None:
    folder = part("protein150")

    def change(rows: Rows) -> None:
        row = first(rows, label=0)
        swapped = {f"{name[:-1]}{'21'[int(name[-1]) - 1]}": row[name] for name in row if name[-1] in "12"}
        rows.append(row | swapped)

    assert any(what.startswith("the pair of row") for what in forge(folder, "protein150", "train", change))


def test_overlap_across_splits_is_found(part: Part) -> None:
    folder = part("dna150", "dna50")
    train = first(pq.read_table(folder / "dna150" / TRAIN).to_pylist(), label=1)

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        row["source1"], row["start1"] = train["source1"], train["start1"] + 10
        row["end1"] = row["start1"] + len(row["sentence1"])

    assert any("overlaps an interval in train" in what for what in forge(folder, "dna50", "test", change))


def test_words_in_common_that_tell_the_label_are_found(part: Part) -> None:
    folder = part("dna150_paws")

    def change(rows: Rows) -> None:
        row = first(rows, label=0, kind="permuted")
        row["sentence2"] = row["sentence2"][::-1]  # the same letters, other words

    said = forge(folder, "dna150_paws", "train", change)
    assert any(what.startswith("5-mer overlap") for what in said)
    assert any("not equally often under both labels" in what for what in said)


def test_a_sequence_may_be_in_two_quartets() -> None:
    first, second, third = "ACGTACGTAACC", "ACGTACGTTTGG", "ACGTTTGGACGT"
    kinds = ((1, "permuted_homolog"), (0, "permuted"))
    rows = [
        {"pair_id": f"{label}{other}", "sentence1": first, "sentence2": other, "label": label, "kind": kind}
        for other in (second, first[::-1])
        for label, kind in kinds
    ]
    rows[1]["sentence2"] = third
    assert [fault for _, fault in matching_faults(rows) if "residues of" in fault.message] == []
    rows[1]["sentence2"] = third[:-1] + "A"
    assert any("residues of" in fault.message for _, fault in matching_faults(rows))


def test_a_shuffle_that_loses_a_dinucleotide_is_found(part: Part) -> None:
    folder = part("dna150_paws")

    def change(rows: Rows) -> None:
        row = first(rows, label=0, kind="shuffled")
        text = row["sentence2"]
        at = next(i for i in range(1, len(text) - 2) if len(set(text[i - 1 : i + 3])) == 4)
        row["sentence2"] = text[:at] + text[at + 1] + text[at] + text[at + 2 :]

    said = forge(folder, "dna150_paws", "train", change)
    assert any(what.startswith("sentence2 does not keep the 2-mer counts") for what in said)


def test_an_adversarial_pair_without_its_match_is_found(part: Part) -> None:
    folder = part("dna150_paws")

    def change(rows: Rows) -> None:
        rows.remove(first(rows, label=1))

    said = forge(folder, "dna150_paws", "train", change)
    assert any("not equally often under both labels" in what for what in said)
    assert any(what.startswith("no similar pair has the same sentence1") for what in said)


def test_a_pair_in_the_wrong_band_is_found(part: Part) -> None:
    folder = part("dna150_graded")

    def change(rows: Rows) -> None:
        first(rows, kind="homolog_70")["kind"] = "remote"

    said = forge(folder, "dna150_graded", "train", change)
    assert any(what.startswith("kind 'remote', but similarity is 0.7") for what in said)
    assert any(what.startswith("similarity bins are not equally filled") for what in said)


def test_a_coding_pair_that_does_not_read_is_found(part: Part) -> None:
    folder = part("dna_protein")

    def change(rows: Rows) -> None:
        row = first(rows, label=1)
        middle = len(row["sentence1"]) // 2
        row["sentence1"] = row["sentence1"][:middle] + "AC" + row["sentence1"][middle:-2]

    said = forge(folder, "dna_protein", "train", change)
    assert any(what.startswith("coding, but only") for what in said)


def test_damaged_and_missing_files_are_violations(built_copy: Path, bio_paws: Run) -> None:
    damaged = built_copy / "dna50" / TRAIN
    data = bytearray(damaged.read_bytes())
    data[len(data) // 3] ^= 4
    damaged.write_bytes(data)
    (built_copy / "dna150" / TEST).unlink()
    done = bio_paws("verify", built_copy, "--workers", 1)
    assert done.returncode == 1
    assert f"FILE003 dna50/train: dna50/{TRAIN}: size or sha256 is not the manifest's" in done.stdout
    assert "FILE002 dna150/test: cannot be read" in done.stdout
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
    assert shortcuts["dna150"]["baselines"]["sentence1"] == shortcuts["protein150"]["baselines"]["sentence2"] == 0.5
    configs = json.loads((built / "manifest.json").read_text())["configs"]
    for name, entry in configs.items():
        assert shortcuts[name] == {"baselines": entry["baselines"], "upper_bounds": entry["upper_bounds"]}, name
    spliced = configs["dna_protein"]["upper_bounds"]["spliced"]
    assert f"| spliced {spliced:.3f} |" in (built / "README.md").read_text()

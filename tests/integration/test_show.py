"""`bio-paws show`: the pair that was named, its scores those of the alignment that is drawn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bio_paws.cli.app import main
from bio_paws.configs import get_config


@pytest.mark.parametrize("config", ["dna150", "protein150_paws", "dna_protein"])
def test_a_pair_of_each_kind(built: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", config, "--data", str(built), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    rows = [row for path in (built / config).glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert [row["kind"] for row in shown] == [
        kind
        for kind, _ in (*get_config(config).similar_mix, *get_config(config).dissimilar_mix)
        if any(row["kind"] == kind for row in rows)
    ]
    for row in shown:
        drawn, split = row.pop("alignment"), row.pop("split")
        assert row in rows
        assert split in ("train", "validation", "test")
        columns = len(drawn["marks"])
        matches = sum(a == b for a, b in zip(drawn["query"], drawn["subject"], strict=True))
        assert matches / columns == pytest.approx(row["identity"])


def test_one_pair_as_text(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = pq.read_table(next((built / "dna150").glob("train*.parquet"))).to_pylist()[-1]
    assert main(["show", "dna150", row["pair_id"], "--data", str(built)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"dna150/train {row['pair_id']}: ")
    assert f"{row['source1']} {row['start1'] + 1:,}-{row['end1']:,} ({row['strand1']})" in text
    assert f"similarity {row['similarity']:.3f}" in text
    assert main(["show", "dna150", "--kind", "other_group", "--data", str(built)]) == 0
    assert "dissimilar (label 0)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dna150", "nosuchpair"], "dna150 has no pair 'nosuchpair'"),
        (["dna150", "--kind", "coding"], "choose from homolog, other_group"),
        (["dna151"], "unknown config 'dna151'"),
        (["dna150", "aaaa", "--kind", "homolog"], "not allowed with"),
    ],
)
def test_what_is_not_there(arguments: list[str], message: str, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", *arguments, "--data", str(built)]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_file_is_refused(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(built / "manifest.json", tmp_path)
    (tmp_path / "dna150").mkdir()
    for path in (built / "dna150").iterdir():
        (tmp_path / "dna150" / path.name).write_bytes(path.read_bytes()[:-50])
    assert main(["show", "dna150", "--data", str(tmp_path)]) == 2
    assert "is not the file that manifest.json names" in capsys.readouterr().err

"""The card and its figures tell of the data they lie beside, of all of it and of nothing else."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from bio_paws.cli.app import main
from bio_paws.configs import CONFIGS
from bio_paws.dataset.card import write_card
from bio_paws.dataset.description import describe
from bio_paws.dataset.manifest import read_manifest, write_manifest
from bio_paws.errors import BioPawsError
from bio_paws.features.pair_features import COMPOSITION_LETTERS
from bio_paws.verify.files import check_card
from bio_paws_cards.description import Description
from bio_paws_cards.files import generated_files
from bio_paws_cards.manifest import ConfigEntry, Manifest
from bio_paws_cards.reference import ReferenceResult
from bio_paws_cards.render import metadata
from releases import release


@pytest.fixture(scope="module")
def described(built: Path) -> tuple[Manifest, Description]:
    manifest = read_manifest(built)
    return manifest, describe(built, manifest)


@pytest.fixture(scope="module")
def small(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(built, tmp_path_factory.mktemp("small") / "bioPAWS", "1.0.0", ("dna50",))


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "bioPAWS"))


def table_of(folder: Path, entry: ConfigEntry) -> list[dict[str, Any]]:
    return [row for split in entry.splits.values() for row in pq.read_table(folder / split.file).to_pylist()]


@pytest.mark.parametrize("name", [config.name for config in CONFIGS if not config.needs_large_source])
def test_every_number_is_that_of_the_rows(name: str, built: Path, described: tuple[Manifest, Description]) -> None:
    manifest, description = described
    config, rows = description.configs[name], table_of(built, manifest.configs[name])
    counted = {(kind.label, kind.name): sum(kind.pairs.values()) for kind in config.kinds}
    assert counted == Counter((row["label"], row["kind"]) for row in rows)
    assert all(kind.meaning for kind in config.kinds)
    for number, side in enumerate(config.sides, start=1):
        lengths = [len(row[f"sentence{number}"]) for row in rows]
        assert (side.shortest, side.longest) == (min(lengths), max(lengths))
        assert side.mean == pytest.approx(np.mean(lengths))
    for label, counts in enumerate(config.similarity.counts):
        values = [row["similarity"] for row in rows if row["label"] == label]
        assert sum(counts) == len(values)
        assert counts[-1] == sum(value >= 0.975 for value in values)
        for sequences in config.sequences:
            columns = [sequences.column] if sequences.column else ["sentence1", "sentence2"]
            texts = [row[column] for row in rows if row["label"] == label for column in columns]
            bins = list(pairwise(sequences.length.edges))
            assert sequences.length.counts[label] == tuple(sum(a <= len(text) < b for text in texts) for a, b in bins)
            parts = [sum(residue in sequences.residues for residue in text) / len(text) for text in texts]
            bins = list(pairwise(sequences.composition.edges))
            assert sequences.composition.counts[label] == tuple(sum(a <= part < b for part in parts) for a, b in bins)
            assert sequences.residues == COMPOSITION_LETTERS["dna" if sequences.unit == "bp" else "protein"]
    assert all(example in rows for example in config.examples)
    assert [example["label"] for example in config.examples] == [1, 0]


def test_splits_share_no_group_and_a_shared_one_is_counted(
    built: Path, described: tuple[Manifest, Description]
) -> None:
    manifest, description = described
    assert description.groups.shared == description.sequences.shared == 0
    rows = [row for entry in manifest.configs.values() for row in table_of(built, entry)]
    groups = {row[f"group{side}"] for row in rows for side in (1, 2)}
    assert sum(description.groups.by_split.values()) == len(groups)
    entry = manifest.configs["dna50"]
    twice = {"train": entry.splits["train"], "test": entry.splits["train"]}
    again = describe(
        built, manifest.model_copy(update={"configs": {"dna50": entry.model_copy(update={"splits": twice})}})
    )
    assert again.groups.shared == again.groups.by_split["train"] > 0
    assert again.sequences.shared == again.sequences.by_split["test"] > 0


def one_split(manifest: Manifest) -> None:
    for entry in manifest.configs.values():
        entry.splits = {"validation": entry.splits["validation"]}
        entry.baselines, entry.upper_bounds = {}, {}


def one_config(manifest: Manifest) -> None:
    manifest.configs = {"dna_protein": manifest.configs["dna_protein"]}


def uneven(manifest: Manifest) -> None:
    manifest.configs = {name: manifest.configs[name] for name in ("dna50", "protein450_paws")}
    del manifest.configs["dna50"].splits["validation"]
    manifest.arguments.source = ["folder"]


@pytest.mark.parametrize("change", [lambda manifest: None, one_split, one_config, uneven])
def test_any_data_set_has_a_card(change: Callable[[Manifest], None], built: Path) -> None:
    manifest = read_manifest(built)
    change(manifest)
    files = {name: content.decode() for name, content in generated_files(manifest, describe(built, manifest)).items()}
    card = DatasetCard(files.pop("README.md"))
    assert card.data.to_dict() == metadata(manifest)
    assert not re.search(r"\bnan\b|None|Undefined|\{\{ ", card.text)
    tables = re.findall(r"(?:^\|.*\n)+", card.text + files["BUILD.md"], flags=re.MULTILINE)
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
    for name in manifest.configs:
        assert f"\n### {name}\n" in card.text
    reasons = {
        outcome
        for entry in manifest.configs.values()
        for outcome, count in entry.outcomes.items()
        if count and not outcome.startswith(("missing_", "no_order_", "dissimilar_"))
    }
    assert all(f"\n| {reason} | " in files["BUILD.md"] for reason in reasons)
    figures = {name: text for name, text in files.items() if name.startswith("figures/")}
    assert sum(map(len, figures.values())) < 60_000
    for name, text in figures.items():
        assert f"]({name})" in card.text
        svg = ElementTree.fromstring(text)
        drawn = [path.get("d", "") for path in svg.findall(".//{*}path")]
        assert len(drawn) > 2
        assert not re.search(r"nan|inf", "".join(drawn))
        titles = {str(node.text).split()[0] for node in svg.findall(".//{*}text") if node.get("y") == "-8"}
        assert titles == manifest.configs.keys()


def test_a_card_is_read_in_ten_minutes(
    described: tuple[Manifest, Description], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under 2,500 words, with table bars, of many sources and with all results: bookkeeping stands in BUILD.md."""
    manifest, description = described
    stated = ReferenceResult("owner/model", "repaired", 3, 0.5, 0.5)
    results = {config.test_digest: stated for config in description.configs.values()}
    monkeypatch.setattr("bio_paws_cards.render.reference_results", lambda: results)
    assert list(manifest.configs) == [config.name for config in CONFIGS if not config.needs_large_source]
    many = manifest.model_copy(update={"sources": (manifest.sources * 17)[:17]})
    card = DatasetCard(generated_files(many, description)["README.md"].decode())
    assert card.text.count("(owner/model, ") == len(manifest.configs)
    assert len(card.text.split()) < 2_500


def test_the_record_of_the_build_holds_what_the_card_leads_to(described: tuple[Manifest, Description]) -> None:
    texts = {name: content.decode() for name, content in generated_files(*described).items() if name.endswith(".md")}
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", texts["BUILD.md"], flags=re.MULTILINE)
    }
    assert set(re.findall(r"BUILD\.md#([\w-]+)", texts["README.md"])) <= headings
    manifest, description = described
    for config in description.configs.values():
        assert all(f"\n- `{kind.name}`: {kind.meaning}\n" in texts["BUILD.md"] for kind in config.kinds)
    for name, entry in manifest.configs.items():
        assert f"\n| {name} | {entry.baselines['sentence1']:.3f} | " in texts["BUILD.md"]


def test_a_stale_card_fails_verify_and_is_mended(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*.*")}
    figures = copy / "figures"
    for path in (copy / "README.md", figures / "length.svg"):
        path.write_bytes(path.read_bytes()[:-2] + b" \n")
    (figures / "similarity.svg").unlink()
    changed = ["README.md", *(f"figures/{name}.svg" for name in ("length", "similarity"))]
    assert main(["verify", str(copy), "--workers", "1"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" is not what")[0] for line in said[:-1]] == [f"FILE005 {name}" for name in changed]
    assert said[-1].endswith("3 violations")
    assert main(["card", str(copy)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(copy / name) for name in changed]
    assert {path: path.read_bytes() for path in copy.rglob("*.*")} == before
    assert main(["card", str(copy)]) == 0
    assert capsys.readouterr().out == f"{copy}: nothing has changed\n"
    assert main(["verify", str(copy), "--workers", "1"]) == 0


def test_a_figure_of_the_user_is_named_and_stays(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = copy / "figures/mine.svg"
    own.write_text("<svg/>")
    assert main(["card", str(copy)]) == 0
    assert own.read_text() == "<svg/>"
    assert main(["verify", str(copy), "--workers", "1"]) == 1
    assert "FILE004 figures/mine.svg: is not a file of the data set" in capsys.readouterr().out


def test_a_changed_number_of_the_manifest_makes_the_card_stale(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = read_manifest(copy)
    manifest.configs["dna50"].upper_bounds["similarity"] -= 0.001
    write_manifest(copy, manifest)
    assert main(["verify", str(copy), "--workers", "1"]) == 1
    assert "FILE005 README.md is not what this version of bio-paws renders" in capsys.readouterr().out


def test_no_card_of_other_data(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = read_manifest(copy)
    test, validation = (manifest.configs["dna50"].splits[split] for split in ("test", "validation"))
    shutil.copy(copy / test.file, copy / validation.file)
    (copy / "README.md").write_text("mine")
    assert main(["card", str(copy)]) == 1
    assert f"{validation.file}: is not the file that manifest.json names" in capsys.readouterr().err
    assert (copy / "README.md").read_text() == "mine"
    (violation,) = check_card(copy, manifest)
    assert str(violation).startswith("FILE006 card and figures cannot be compared: ")


def test_what_cannot_be_described_is_told_in_one_line(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = read_manifest(copy)
    entry = whole.configs["dna50"]
    for changed, says in (
        ({"other": entry}, "unknown config 'other'"),
        ({"dna50": entry.model_copy(update={"baselines": {"gc": 0.5}})}, "cannot be described ("),
    ):
        write_manifest(copy, whole.model_copy(update={"configs": changed}))
        assert main(["card", str(copy)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert says in said.err


def test_figures_of_the_user_are_not_removed_with_ours(copy: Path) -> None:
    (copy / "figures/mine.svg").write_text("mine")
    assert write_card(copy, read_manifest(copy)) == []
    assert (copy / "figures/mine.svg").read_text() == "mine"


def test_a_card_that_cannot_be_written_is_told(copy: Path) -> None:
    (copy / "figures/length.svg").unlink()
    (copy / "figures/length.svg").mkdir()
    with pytest.raises(BioPawsError, match=r"length\.svg.*: cannot be written"):
        write_card(copy, read_manifest(copy))

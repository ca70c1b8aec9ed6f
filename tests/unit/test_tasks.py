"""Reading PAWS-X and bioPAWS as one thing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bio_paws.errors import BioPawsError
from bio_paws.features.perturbations import get_perturbation
from bio_paws_eval.tasks import load, pairs, registry
from bio_paws_eval.tasks.load import load_available, load_pairs
from bio_paws_eval.tasks.pairs import MissingPairs, Pairs, UnreachablePairs, perturbed
from bio_paws_eval.tasks.registry import Sources

HEADER = "id\tsentence1\tsentence2\tlabel\n"


def rows(pairs: Pairs) -> list[dict[str, Any]]:
    return [row for batch in pairs.read() for row in batch.to_pylist()]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_both_layouts_of_paws_x_are_read(tmp_path: Path) -> None:
    body = HEADER + "7\tOne 'a\tTwo \"b\t1\n"
    layouts = {
        "a": {"train": "train/fr.tsv", "validation": "dev/fr.tsv", "test": "test/fr.tsv"},
        "b": {"train": "fr/translated_train.tsv", "validation": "fr/dev_2k.tsv", "test": "fr/test_2k.tsv"},
    }
    for folder, files in layouts.items():
        for split, name in files.items():
            write(tmp_path / folder / name, body)
            loaded = load_pairs("pawsx_fr", split, Sources(pawsx=str(tmp_path / folder)))
            # Quotes are letters like others in these files.
            assert rows(loaded) == [
                {"pair_id": f"fr-{split}-7", "sentence1": "One 'a", "sentence2": 'Two "b', "label": 1}
            ]
    write(tmp_path / "b/en/train.tsv", body)
    assert load_pairs("pawsx_en", "train", Sources(pawsx=str(tmp_path / "b"))).task.rows == 1


def test_placeholders_and_empty_sentences_are_counted(tmp_path: Path) -> None:
    write(
        tmp_path / "dev/de.tsv", HEADER + "1\ta\tb\t0\n2\tNS\tb\t1\n3\ta\tNS\t0\n4\t\tb\t0\n5\ta\t \t1\n6\tNSA\tb\t1\n"
    )
    loaded = load_pairs("pawsx_de", "validation", Sources(pawsx=str(tmp_path)))
    assert [row["pair_id"] for row in rows(loaded)] == ["de-validation-1", "de-validation-6"]
    assert (loaded.task.rows, loaded.task.dropped) == (2, 4)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (HEADER + "1\ta\tb\t0\n2\ta\tb\n", "line 3 has 3 columns, not 4"),
        (HEADER + "1\ta\tb\tyes\n", "line 2: label 'yes' is neither 0 nor 1"),
        ("1\ta\tb\t0\n", "line 1 must name the columns"),
        ("", "line 1 must name the columns"),
        (HEADER, "its test split is empty"),
        (HEADER + "1\tNS\tNS\t0\n", "its test split is empty"),
    ],
)
def test_malformed_files_name_the_line(tmp_path: Path, body: str, message: str) -> None:
    write(tmp_path / "test/en.tsv", body)
    with pytest.raises(BioPawsError, match=message) as raised:
        load_pairs("pawsx_en", "test", Sources(pawsx=str(tmp_path)))
    assert not isinstance(raised.value, MissingPairs)  # never left out in silence


def test_what_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test/en.tsv").write_bytes(HEADER.encode() + b"1\t\xff\xfe\tb\t0\n")
    with pytest.raises(BioPawsError, match="not UTF-8"):
        load_pairs("pawsx_en", "test", Sources(pawsx=str(tmp_path)))


def test_the_digest_follows_every_value_and_the_order(tmp_path: Path) -> None:
    first = "1\ta\tb\t0\n"
    bodies = [
        first + "2\tc\td\t1\n",
        "2\tc\td\t1\n" + first,
        first + "2\tc\td\t0\n",
        first + "2\tc\te\t1\n",
        first + "3\tc\td\t1\n",
    ]
    digests = set()
    for body in bodies:
        write(tmp_path / "test/en.tsv", HEADER + body)
        digests.add(load_pairs("pawsx_en", "test", Sources(pawsx=str(tmp_path))).task.content_sha256)
    assert len(digests) == len(bodies)
    limited = load_pairs("pawsx_en", "test", Sources(pawsx=str(tmp_path), limit=1))
    assert limited.task.rows == 1
    assert limited.task.content_sha256 not in digests


def test_bio_paws_streams_and_is_limited(built: Path) -> None:
    whole = load_pairs("dna150", "test", Sources(data=str(built)))
    assert whole.molecule == "dna"
    assert set(rows(whole)[0]) == {"pair_id", "sentence1", "sentence2", "label", "kind", "group1", "group2"}
    assert whole.kinds.tolist() == [row["kind"] for row in rows(whole)]
    assert rows(whole) == rows(whole)  # read anew each time
    few = load_pairs("dna150", "test", Sources(data=str(built), limit=3))
    assert rows(few) == rows(whole)[:3]


def test_the_digest_of_pairs_is_that_of_earlier_versions(built: Path) -> None:
    """Results of pairs whose kinds were not yet read are still compared with those of pairs whose kinds are."""
    loaded = load_pairs("dna150s", "test", Sources(data=str(built)))
    digest = hashlib.sha256()
    for row in rows(loaded):
        digest.update(json.dumps([row[name] for name in ("pair_id", "sentence1", "sentence2", "label")]).encode())
    assert loaded.task.content_sha256 == digest.hexdigest()


def test_a_view_is_of_the_first_rows(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "PERTURBED_ROWS", 5)
    stored = load_pairs("dna150", "test", Sources(data=str(built)))
    viewed = perturbed(stored, get_perturbation("swapped", "dna"))
    sides = {"sentence1": "sentence2", "sentence2": "sentence1", "group1": "group2", "group2": "group1"}
    expected = [row | {name: row[other] for name, other in sides.items()} for row in rows(stored)[:5]]
    assert rows(viewed) == rows(viewed) == expected
    assert viewed.task.rows == 5
    assert viewed.task.content_sha256 != stored.task.content_sha256
    few = perturbed(load_pairs("dna150", "test", Sources(data=str(built), limit=3)), get_perturbation("swapped", "dna"))
    assert rows(few) == expected[:3]


def test_what_is_missing_is_left_out_or_an_error(built: Path, tmp_path: Path) -> None:
    sources = Sources(data=str(built), pawsx=str(tmp_path))
    known = ("pawsx_en", "pawsx_fr", "dna150", "dna50")
    loaded, skipped = load_available(None, known, ["train", "test"], sources)
    assert [[split.task.split for split in splits] for splits in loaded] == [["train", "test"]] * 2
    assert [result.task.name for result, _ in loaded] == ["dna150", "dna50"]
    assert len(skipped) == 2
    with pytest.raises(MissingPairs, match="no test pairs of PAWS-X in 'en'"):
        load_available(["pawsx_en", "dna150"], known, ["test"], sources)
    with pytest.raises(BioPawsError, match="no pairs are available"):
        load_available(None, ("pawsx_en",), ["test"], sources)


def test_an_unreachable_hub_is_tried_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fail(name: str, *_: object) -> Pairs:
        tried.append(name)
        raise UnreachablePairs("the Hub cannot be reached")

    monkeypatch.setattr(load, "load_pawsx", fail)
    _, skipped = load_available(None, registry.task_names(), ["test"], Sources(data=str(built)))
    assert tried == ["en"]
    assert skipped[0] == "the Hub cannot be reached"


def test_unknown_names_say_which_there_are() -> None:
    with pytest.raises(BioPawsError, match="unknown config 'dna': choose from pawsx_en"):
        load_pairs("dna", "test", Sources())
    with pytest.raises(BioPawsError, match="unknown split 'dev': choose from train"):
        load_pairs("dna150", "dev", Sources())

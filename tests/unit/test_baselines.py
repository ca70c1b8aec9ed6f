"""Floors and ceilings: fitted on train alone, features against plain Python, cells written once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.errors import BioPawsError
from bio_paws.features.baselines import Content, PairBatch, applicable, check_names, get_baseline
from bio_paws_eval.baselines import run
from bio_paws_eval.baselines.run import run_baselines
from bio_paws_eval.results import Predictions, Result, read_predictions, read_result
from bio_paws_eval.tasks import pairs
from bio_paws_eval.tasks.registry import Sources

Rows = list[tuple[str, str, int]]
ONES_ARE_AS_LONG: Rows = [("abcdefgh", "hgfedcba", 1), ("abcdefgh", "h", 0)]
ZEROS_ARE_AS_LONG: Rows = [(a, b, 1 - label) for a, b, label in ONES_ARE_AS_LONG]


def sources(folder: Path, train: Rows, test: Rows, limit: int | None = None) -> Sources:
    """PAWS-X of these English pairs."""
    for split, rows in (("train", train), ("test", test)):
        (folder / split).mkdir(parents=True, exist_ok=True)
        lines = [
            "id\tsentence1\tsentence2\tlabel",
            *(f"{i}\t{a}\t{b}\t{label}" for i, (a, b, label) in enumerate(rows)),
        ]
        (folder / split / "en.tsv").write_text("\n".join(lines) + "\n")
    return Sources(pawsx=str(folder), limit=limit)


def score(data: Sources, out: Path, name: str = "pawsx_en") -> dict[str, tuple[Result, Predictions]]:
    paths = run_baselines([name], (), "test", data, out)[0]
    results = [(read_result(path), path) for path in paths]
    return {result.model.id: (result, read_predictions(path, result)) for result, path in results}


def accuracy(result: Result) -> float:
    value = result.metrics["accuracy"]["value"]
    assert isinstance(value, float)
    return value


def test_scores_that_differ_by_rounding_are_equal() -> None:
    # 0.3 - 0.1 and 0.2 - 0, as floating-point numbers have it.
    batch = PairBatch(["GGGAAAAAAA", "GGAAAAAAAA"], ["GAAAAAAAAA", "AAAAAAAAAA"], "dna")
    margin = get_baseline("gc").fit(batch, np.array([1, 0], dtype=np.int8)).margin(batch)
    assert margin[0] == margin[1]


def test_what_is_fitted_on_train_is_not_fitted_on_test(tmp_path: Path) -> None:
    same = score(sources(tmp_path / "same", ONES_ARE_AS_LONG * 5, ONES_ARE_AS_LONG * 2), tmp_path / "out")
    swapped = score(sources(tmp_path / "swapped", ONES_ARE_AS_LONG * 5, ZEROS_ARE_AS_LONG * 2), tmp_path / "out")
    for name in ("length", "jaccard1", "sentence2"):
        assert accuracy(same[name][0]) == same[name][0].metrics["auroc"]["value"] == 1, name
        assert accuracy(swapped[name][0]) == swapped[name][0].metrics["auroc"]["value"] == 0, name
    assert same["length"][0].training.recipe == {"direction": -1, "threshold": 3.5}
    assert same["jaccard1"][0].training.recipe == {"direction": 1, "threshold": pytest.approx((1 / 8 + 1) / 2)}
    logits = same["length"][1].logits
    assert logits[:2].tolist() == [[-1.75, 1.75], [1.75, -1.75]]


def test_only_the_first_train_rows_are_fitted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "TRAIN_ROWS", 6)
    monkeypatch.setattr(pairs, "ROWS_PER_BATCH", 4)
    train = [*ONES_ARE_AS_LONG * 3, *ZEROS_ARE_AS_LONG * 30]
    result, _ = score(sources(tmp_path, train, ONES_ARE_AS_LONG), tmp_path / "out")["length"]
    assert accuracy(result) == 1
    assert (result.training.rows, result.training.on, result.task.rows) == (6, "pawsx_en", 2)


def test_train_pairs_of_one_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BioPawsError, match="pawsx_en: the first 1 train pairs all carry label 1"):
        score(sources(tmp_path, ONES_ARE_AS_LONG, ONES_ARE_AS_LONG, limit=1), tmp_path / "out")


@pytest.mark.parametrize(("labels", "answer"), [((1, 1, 0), 1), ((0, 0, 1), 0), ((0, 1, 1, 0), 0)])
def test_majority_is_that_of_train_and_ties_go_to_0(labels: tuple[int, ...], answer: int, tmp_path: Path) -> None:
    train = [("abcd", "abcd", label) for label in labels]
    test = [("abcd", "abcd", 1 - answer)] * 3 + [("abcd", "abcd", answer)]
    result, predictions = score(sources(tmp_path, train, test), tmp_path / "out")["majority"]
    assert (predictions.logits[:, 1] > predictions.logits[:, 0]).tolist() == [bool(answer)] * 4
    assert (accuracy(result), result.metrics["auroc"]["value"]) == (0.25, 0.5)
    assert result.training.recipe == {"label": answer}


def test_one_side_knows_nothing_where_every_string_has_both_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def quartets(count: int) -> Rows:
        words = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(2 * count)]
        texts = zip(words[::2], words[1::2], strict=True)
        return [row for a, c in texts for row in ((a, a, 1), (c, c, 1), (a, c, 0), (c, a, 0))]

    results = score(sources(tmp_path / "matched", quartets(30), quartets(30)), tmp_path / "out")
    assert accuracy(results["sentence1"][0]) == accuracy(results["sentence2"][0]) == 0.5
    assert accuracy(results["jaccard3"][0]) == 1
    cased = [(("AAAAC" if label else "aaaac") * 3, other, label) for _, other, label in quartets(30)]
    results = score(sources(tmp_path / "told", cased, cased), tmp_path / "out")
    assert accuracy(results["sentence1"][0]) == 1
    assert accuracy(results["sentence2"][0]) == 0.5


def fitted(name: str, batch: PairBatch) -> list[float]:
    """Scores of a baseline less its threshold, 0 where all labels of train are 1."""
    ones = np.ones(len(batch.sentence1), dtype=np.int8)
    rule = get_baseline(name).fit(batch, ones)
    return [round(float(margin) + rule.recipe["threshold"], 6) for margin in rule.margin(batch)]


def test_alignments_score_as_defined() -> None:
    dna = "ACGTTGCAAGGCTTACCGAT"
    pairs = PairBatch([dna, dna], [reverse_complement(dna), dna + "A" * 20], "dna")
    assert fitted("smith_waterman", pairs) == [2, 1]
    assert fitted("smith_waterman", PairBatch(["WWWW"], ["WWWWWWWW"], "protein")) == [5.5]
    assert fitted("edit", PairBatch(["kitten", "abcd"], ["sitting", "abcx"], "text")) == [round(1 - 3 / 7, 6), 0.75]
    gene = PairBatch(["ATGTGGTGGTAA", reverse_complement("ATGTGGTGGTAA")], ["MWW", "MWW"], "dna_protein")
    assert fitted("six_frame", gene) == [9, 9]
    assert fitted("spliced", gene) == [1, 0]


def test_each_molecule_has_its_baselines() -> None:
    contents: tuple[Content, ...] = ("text", "dna", "protein", "dna_protein")
    names = {content: [baseline.name for baseline in applicable(content)] for content in contents}
    kmers = [f"{name}{k}" for name in ("jaccard", "cosine") for k in range(1, 7)]
    assert names["text"] == ["majority", "sentence1", "sentence2", "length", *kmers]
    assert names["dna"] == names["protein"]
    assert set(names["dna"]) - set(names["text"]) == {"gc", "edit", "smith_waterman"}
    assert set(names["dna_protein"]) - set(names["text"]) == {"gc", "six_frame", "spliced"}
    with pytest.raises(ValueError, match="'edit' is defined twice"):
        check_names((get_baseline("edit"), get_baseline("length"), get_baseline("edit")))


def test_a_finished_result_is_not_computed_again(tmp_path: Path) -> None:
    data = sources(tmp_path, ONES_ARE_AS_LONG * 4, ONES_ARE_AS_LONG)
    paths = run_baselines(["pawsx_en"], (), "test", data, tmp_path / "out")[0]
    before = {path: path.stat().st_mtime_ns for path in paths}
    paths[3].unlink()
    assert run_baselines(["pawsx_en"], (), "test", data, tmp_path / "out")[0] == paths
    assert [path for path in paths if path.stat().st_mtime_ns != before[path]] == [paths[3]]


def test_other_pairs_other_rows_and_other_code_are_other_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    data = sources(tmp_path / "a", ONES_ARE_AS_LONG * 4, ONES_ARE_AS_LONG * 2)
    paths = {*run_baselines(["pawsx_en"], (), "test", data, out)[0]}
    few = sources(Path(data.pawsx), ONES_ARE_AS_LONG * 4, ONES_ARE_AS_LONG * 2, len(ONES_ARE_AS_LONG) * 2)
    limited, _ = run_baselines(["pawsx_en"], (), "test", few, out)
    # The same pairs, but nobody asked whether there were more.
    assert paths.isdisjoint(limited)
    assert {read_result(path).comparable for path in paths} == {True}
    assert {read_result(path).comparable for path in limited} == {False}
    assert {read_result(path).note for path in limited} == {f"the first {len(ONES_ARE_AS_LONG) * 2} pairs of the split"}
    more = sources(tmp_path / "b", ONES_ARE_AS_LONG * 5, ONES_ARE_AS_LONG * 2)
    other, _ = run_baselines(["pawsx_en"], (), "test", more, out)
    assert paths.isdisjoint(other)
    monkeypatch.setattr(run, "source_digest", lambda *_: "other")
    assert paths.isdisjoint(run_baselines(["pawsx_en"], (), "test", data, out)[0])


def test_predictions_are_the_same_bytes_whatever_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows = [("".join(rng.choice(list("abc "), 30)), "".join(rng.choice(list("abc "), 28)), i % 2) for i in range(40)]
    data = sources(tmp_path, rows, rows[::-1])
    files: list[list[bytes]] = []
    for size in (8192, 8192, 7):
        monkeypatch.setattr(pairs, "ROWS_PER_BATCH", size)
        paths = run_baselines(["pawsx_en"], (), "test", data, tmp_path / f"out{len(files)}")[0]
        files.append([path.with_suffix(".parquet").read_bytes() for path in paths])
    assert files[0] == files[1] == files[2]


def test_ceilings_are_near_1_on_a_built_data_set(built: Path, tmp_path: Path) -> None:
    data = Sources(data=str(built))
    for name in ("dna150", "protein150"):
        results = score(data, tmp_path, name)
        assert accuracy(results["smith_waterman"][0]) > 0.97, name
        assert accuracy(results["sentence1"][0]) == accuracy(results["sentence2"][0]) == 0.5, name
        assert results["smith_waterman"][0].model.method == "upper_bound"
        assert {"smith_waterman", "edit"} == {
            key for key, (result, _) in results.items() if result.model.method == "upper_bound"
        }
    results = score(data, tmp_path, "dna_protein")
    assert accuracy(results["spliced"][0]) > 0.97
    assert results["six_frame"][0].metrics["auroc"]["value"] > 0.8
    assert abs(results["jaccard3"][0].metrics["auroc"]["value"] - 0.5) < 0.25
    result, predictions = results["spliced"]
    assert result.task.rows == len(predictions.pair_ids) == len(predictions.labels)
    assert result.encoding is None and result.status == "scored" and result.environment["rapidfuzz"]

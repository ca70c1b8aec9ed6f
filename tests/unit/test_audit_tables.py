"""Tables as people have them: rows in equal rows out, or one line that says why not."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.audit.alphabets import guess_alphabet
from bio_paws.audit.checks.leakage import costly_divisions, divisions
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.shortcuts import by_split, measure_shortcuts
from bio_paws.audit.checks.similar import check_similar
from bio_paws.audit.findings import Estimate
from bio_paws.audit.pairs import Pairs, collect, fetch
from bio_paws.audit.sampling.folds import design
from bio_paws.audit.tables import delimited
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import FILE_ROW, open_data
from bio_paws.audit.tables.request import Request
from bio_paws.cli.app import main
from bio_paws.cli.audit_text import shortcuts_text
from bio_paws.errors import DataError

CASES = Path(os.environ.get("BIO_PAWS_SHARED", "nowhere")) / "data/cases/audit"
RNG = np.random.default_rng(0)
PROTEIN = "ARNDCQEGHILKMFPSTWYV"


def sequence(letters: str, length: int) -> str:
    return "".join(letters[i] for i in RNG.integers(0, len(letters), length))


def read(path: Path, request: Request = Request()) -> Pairs:  # noqa: B008 it is frozen
    (data,) = open_data(str(path))
    data, columns = find_columns(data, request)
    return collect(data, columns, request)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


DNA = [(sequence("ACGT", 60), sequence("ACGT", 60)) for _ in range(40)]
SENTENCES = [(f"He came home at {i} .", f"At {i} he came home .") for i in range(40)]


def tsv(rows: list[tuple[str, str]], *header: str) -> list[str]:
    return ["\t".join(header), *(f"{i % 2}\t{a}\t{b}" for i, (a, b) in enumerate(rows))]


def unquoted(path: Path) -> Path:
    """A quotation mark opens in one row and closes in another, as GLUE, MRPC and PAWS write it."""
    lines = tsv(SENTENCES, "label", "sentence1", "sentence2")
    lines[20:22] = ['1\tWe left .\t"We went .', '0\tIt rained .\tIt snowed ."']
    return write(path, *lines)


def open_quote(path: Path) -> Path:
    lines = tsv(SENTENCES, "label", "sentence1", "sentence2")
    lines[20] = '1\t"We never left , he said .\t"We never left .'
    return write(path, *lines)


def twice(path: Path) -> Path:
    lines = tsv(SENTENCES, "label", "sentence1", "sentence2")
    return write(path, f"{lines[0]}\tnote\tnote", *(f"{line}\tx\ty" for line in lines[1:]))


def no_header(path: Path) -> Path:
    return write(path, *(f"{i}\t{a}\t{b}\t{i % 2}" for i, (a, b) in enumerate(DNA)))


def pandas_index(path: Path) -> Path:
    rows = (
        f"{i},{'CC(=O)OC1=CC=CC=C1' if i % 3 else 'CC(C)Cc1ccccc1'},{a},{i % 2}" for i, (a, _) in enumerate(PROTEINS)
    )
    return write(path, ",SMILES,Target Sequence,Label", *rows)


PROTEINS = [(sequence(PROTEIN, 80), sequence(PROTEIN, 80)) for _ in range(40)]


def minus_one(path: Path) -> Path:
    return write(path, "seq1,seq2,Label", *(f"{a},{b},{1 - 2 * (i % 2)}" for i, (a, b) in enumerate(DNA)))


def split_column(path: Path) -> Path:
    rows = (f"{a},{b},{i % 2},{'test' if i % 4 > 1 else 'train'}" for i, (a, b) in enumerate(DNA))
    return write(path, "sentence1,sentence2,label,split", *rows)


def rna_protein(path: Path) -> Path:
    rows = (f"{sequence(PROTEIN, 80)},{sequence('ACGU', 120)},{i % 2}" for i in range(40))
    return write(path, "protein,rna,label", *rows)


def quoted_lines(path: Path) -> Path:
    """Line ends and commas within quotation marks are part of a field."""
    with path.open("w", newline="") as out:
        rows = [(f"{a},\n{a}", f'"{b}" he said', i % 2) for i, (a, b) in enumerate(SENTENCES)]
        csv.writer(out).writerows([("sentence1", "sentence2", "label"), *rows])
    return path


def no_numbers(path: Path) -> Path:
    """A first row that is no header, in which nothing but the label shows it."""
    rows = (f"{sequence(PROTEIN, 14)}\t{sequence(PROTEIN, 9)}\t{('no', 'yes')[i % 2]}" for i in range(40))
    return write(path, *rows)


def marks_at_ends(path: Path) -> Path:
    """A comma at the end of each row but the first is no index column."""
    return write(path, "seq1,seq2,label", *(f"{a},{b},{i % 2}," for i, (a, b) in enumerate(DNA)))


Make = Callable[[Path], Path]
TABLES: dict[str, tuple[Make, str, tuple[str, str], dict[str, int], str]] = {
    "tsv_across_lines.tsv": (unquoted, "text", ("0", "1"), {"all": 40}, "quotation marks are part of the text"),
    "tsv_open_quote.tsv": (open_quote, "text", ("0", "1"), {"all": 40}, "quotation marks are part of the text"),
    "twice.tsv": (twice, "text", ("0", "1"), {"all": 40}, "two columns are called 'note'"),
    "no_header.tsv": (no_header, "dna", ("0", "1"), {"all": 40}, "the first line is a row, not a header"),
    "smiles.csv": (pandas_index, "smiles_protein", ("0", "1"), {"all": 40}, "column 1 has no name"),
    "minus_one.csv": (minus_one, "dna", ("-1", "1"), {"all": 40}, ""),
    "split_column.csv": (split_column, "dna", ("0", "1"), {"train": 20, "test": 20}, "column 'split' is taken"),
    "rna_protein.csv": (rna_protein, "protein_rna", ("0", "1"), {"all": 40}, ""),
    "quoted.csv": (quoted_lines, "text", ("0", "1"), {"all": 40}, "fields in quotation marks"),
    "words.tsv": (no_numbers, "protein", ("no", "yes"), {"all": 40}, "the first line is a row, not a header"),
    "ends.csv": (marks_at_ends, "dna", ("0", "1"), {"all": 40}, "column 4 has no name"),
}
SHARED_ROWS = {
    "tsv_across_lines.tsv": {"all": 122},
    "tsv_open_quote.tsv": {"all": 121},
    "twice.tsv": {"all": 120},
    "no_header.tsv": {"all": 200},
    "smiles.csv": {"all": 200},
    "minus_one.csv": {"all": 200},
    "split_column.csv": {"train": 150, "test": 50},
    "rna_protein.csv": {"all": 300},
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_row_by_row(name: str, tmp_path: Path) -> None:
    make, molecule, labels, rows, note = TABLES[name]
    check_table(make(tmp_path / name), molecule, labels, rows, note)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not there (BIO_PAWS_SHARED)")
@pytest.mark.parametrize("name", SHARED_ROWS)
def test_the_shared_tables_are_read_row_by_row(name: str) -> None:
    _, molecule, labels, _, note = TABLES[name]
    check_table(CASES / name, molecule, labels, SHARED_ROWS[name], note)


def check_table(path: Path, molecule: str, labels: tuple[str, str], rows: dict[str, int], note: str) -> None:
    pairs = read(path)
    assert pairs.columns.molecule == molecule
    assert pairs.label_names == labels
    counted = {split: int((pairs.part == part).sum()) for part, split in enumerate(pairs.splits)}
    assert counted == rows and pairs.missing == 0
    assert any(note in said for said in pairs.data.notes) if note else not pairs.data.notes
    # What is read back is what was read.
    texts = fetch(pairs, np.arange(len(pairs)))
    assert len(texts.sentence1) == len(pairs)


def test_marks_stay_where_they_are_text_and_go_where_they_enclose(tmp_path: Path) -> None:
    texts = fetch(pairs := read(unquoted(tmp_path / "a.tsv")), np.arange(40))
    assert texts.sentence2[19] == '"We went .' and texts.sentence2[20] == 'It snowed ."' and len(pairs) == 40
    texts = fetch(read(quoted_lines(tmp_path / "b.csv")), np.arange(1))
    assert texts.sentence1 == [f"{SENTENCES[0][0]},\n{SENTENCES[0][0]}"]
    assert texts.sentence2 == [f'"{SENTENCES[0][1]}" he said']


FIELD = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=8
).filter(lambda text: text not in delimited.NULLS and text.strip())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.booleans())
def test_rows_in_are_rows_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], quote: bool
) -> None:
    """Whatever a row holds: written as they are, between tabs, or by the csv module, between commas."""
    path = tmp_path_factory.mktemp("rows") / ("a.csv" if quote else "a.tsv")
    with path.open("w", newline="", encoding="utf-8") as out:
        if quote:
            csv.writer(out).writerows([("name_a", "name_b"), *rows])
        else:
            out.writelines("\t".join(row) + "\n" for row in [("name_a", "name_b"), *rows])
    layout = delimited.examine(path, "," if quote else "\t")
    back = [tuple(row.values()) for batch in delimited.read_rows(path, layout, 3) for row in batch.to_pylist()]
    assert len(back) == len(rows)
    if quote or not any('"' in field for row in rows for field in row):
        assert back == rows


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("sentence1,sentence2,label", "AC,GT,0", "AC,1"), "line 3 has 2 fields, not 3 as the first line"),
        (("sentence1,sentence2,label", '"AC,G,T,0', "AC,GT,1"), "line 3: unexpected end of data"),
        (("CDR3a,CDR3b,peptide,binder", *(["CASSLGF,CAVRDSN,GILGFVF,0"] * 2)), "which columns hold the pair?"),
        (
            ("first,second,score", *(f"{a},{b},{i / 7}" for i, (a, b) in enumerate(DNA))),
            "which column holds the label?",
        ),
        (
            (
                "seq1,seq2,affinity,split",
                *(f"{a},{b},{i / 7},{'train' if i % 2 else 'test'}" for i, (a, b) in enumerate(DNA)),
            ),
            "which column holds the label? name it with --label, of affinity",
        ),
        (("sentence1,sentence2,label", *(["'a, b','c d',0"] * 3)), "fields stand in single quotes"),
    ],
)
def test_what_is_not_a_table_of_pairs_is_one_line(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read(write(tmp_path / "a.csv", *lines))
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_three_sequences_and_ids_are_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(sequence(PROTEIN, 14), sequence(PROTEIN, 14), sequence(PROTEIN, 9), i % 2) for i in range(40)]
    three = write(tmp_path / "three.csv", "CDR3a,CDR3b,peptide,binder", *(",".join(map(str, row)) for row in rows))
    ids = write(tmp_path / "ids.csv", "protein_a,protein_b,label", *(f"P2135{i},Q1763{i},{i % 2}" for i in range(10)))
    files = [(three, "3 hold sequences (CDR3a, CDR3b, peptide): name two of them, as in --sentence1 CDR3a --sentence2")]
    files += [(ids, "protein_a, protein_b hold ids, not sequences: give the sequences with --fasta FILE")]
    if CASES.is_dir():
        files += [(CASES / "three_sequences.csv", files[0][1]), (CASES / "ids.csv", files[1][1])]
    for path, message in files:
        assert main(["audit", str(path)]) == 2
        assert message in capsys.readouterr().err
    pairs = read(three, Request(sentence1="CDR3b", sentence2="peptide"))
    assert pairs.columns.sides == ("CDR3b", "peptide") and pairs.columns.label == "binder" and len(pairs) == 40


def test_a_table_without_a_label_is_told_by_its_columns(tmp_path: Path) -> None:
    rows = [f"{i},{sequence(PROTEIN, 60)},{sequence(PROTEIN, 60)}" for i in range(20)]
    table = write(tmp_path / "unlabelled.csv", "id,sequence1,sequence2", *rows)
    with pytest.raises(DataError, match="no column holds a label: there are id, sequence1, sequence2, and"):
        read(table)


@pytest.mark.parametrize("files", [1, 2])
def test_ids_are_replaced_by_their_sequences(files: int, tmp_path: Path) -> None:
    ids = write(tmp_path / "ids.csv", "protein_a,protein_b,label", *(f"P2135{i},Q1763{i},{i % 2}" for i in range(10)))
    first = [f">sp|P2135{i}|NAME{i}_HUMAN words\nMKV{'LAGWYTEK' * (i + 1)}" for i in range(10)]
    second = [f">Q1763{i}\nMKV{'HHREDCCS' * (i + 1)}" for i in range(9)]
    if files == 1:
        fasta = (write(tmp_path / "all.fasta", *first, *second),)
    else:
        fasta = (write(tmp_path / "a.fasta", *first), write(tmp_path / "b.fasta", *second))
    pairs = read(ids, Request(fasta=fasta))
    assert pairs.columns.molecule == "protein" and len(pairs) == 9 and pairs.missing == 1
    assert "sequences of 9 ids from FASTA; 1 have none: Q17639" in pairs.data.notes[-1]
    assert fetch(pairs, np.array([0])).sentence2 == ["MKVHHREDCCS"]
    with pytest.raises(DataError, match="holds no id of"):
        read(ids, Request(fasta=(write(tmp_path / "c.fasta", ">X1", "MKV"),)))
    twice = write(tmp_path / "d.fasta", *first, *second, ">Q17630", "MKVA")
    with pytest.raises(DataError, match="two sequences are called 'Q17630'"):
        read(ids, Request(fasta=(twice,)))
    table = write(tmp_path / "d.tsv", *(f"Q1763{i}\tMKV{'HHREDCCS' * (i + 1)}" for i in range(9)), "Q17630\tMKVA")
    with pytest.raises(DataError, match="two sequences are called 'Q17630'"):
        read(ids, Request(fasta=(table,)))
    shared = write(tmp_path / "e.fasta", *first, *second, ">tr|Q17630|B", "MKVA")
    assert "Q17630" in read(ids, Request(fasta=(shared,))).data.notes[-1]


def test_labels_are_words_classes_and_numbers(tmp_path: Path) -> None:
    def labelled(*labels: str, request: Request = Request()) -> tuple[tuple[str, str], list[int]]:  # noqa: B008
        rows = (f"{a},{b},{label}" for (a, b), label in zip(DNA, labels, strict=False))
        pairs = read(write(tmp_path / "a.csv", "seq1,seq2,label", *rows), request)
        return pairs.label_names, pairs.labels.tolist()

    assert labelled("yes", "no", "yes") == (("no", "yes"), [1, 0, 1])
    assert labelled("TRUE", "FALSE") == (("FALSE", "TRUE"), [1, 0])
    assert labelled("1.0", "0.0", "1") == (("0", "1"), [1, 0, 1])
    assert labelled("binder", "non-binder") == (("non-binder", "binder"), [1, 0])
    assert labelled("interacting", "non-interacting") == (("non-interacting", "interacting"), [1, 0])
    assert labelled("2", "1", "10", request=Request(positive=("10",)))[1] == [0, 0, 1]
    assert labelled("2", "1") == (("1", "2"), [1, 0])
    assert labelled("1", "-1", "NA") == (("-1", "1"), [1, 0])
    nli = ("entailment", "neutral", "contradiction")
    named = labelled(*nli, request=Request(positive=("entailment",)))
    assert named == (("neutral or contradiction", "entailment"), [1, 0, 0])
    assert labelled("7.5", "4", "6.0", request=Request(threshold=6)) == (("< 6", ">= 6"), [1, 0, 1])
    for labels, request, message in (
        (nli, Request(), "holds more than two values .* with --positive"),
        (("7.5", "4", "6"), Request(), "--threshold"),
        (nli, Request(positive=("same",)), "never holds 'same': it holds 'entailment'"),
        (nli, Request(threshold=1), "holds 'entailment', which is no number"),
        (("7", "8"), Request(threshold=1), "holds only '>= 1'"),
    ):
        with pytest.raises(DataError, match=message):
            labelled(*labels, request=request)


def test_words_of_a_label_are_no_peptides(tmp_path: Path) -> None:
    rows = [f"{sequence(PROTEIN, 13)}\t{sequence(PROTEIN, 9)}\t{word}" for word in ("binder", "non-binder") * 10]
    path = write(tmp_path / "a.tsv", "cdr3\tepitope\tassay", *rows)
    pairs = read(path)
    assert (pairs.columns.sides, pairs.columns.label) == (("cdr3", "epitope"), "assay")
    assert pairs.labels.tolist() == [1, 0] * 10


def test_a_sorted_file_shows_its_label_after_a_thousand_rows(tmp_path: Path) -> None:
    rows = [f"{DNA[i % 40][0]},{DNA[i % 39][1]},x{i // 1500},{i}" for i in range(3_000)]
    pairs = read(write(tmp_path / "a.csv", "first,second,kind,number", *rows))
    assert pairs.columns.label == "kind" and pairs.labels.sum() == 1_500


def test_a_file_that_is_passed_over_is_named(tmp_path: Path) -> None:
    """Of the files of a split datasets reads those of the format that most of them have."""
    rows = [f"{sequence(PROTEIN, 60)},{sequence(PROTEIN, 60)},{i % 2}" for i in range(8)]
    (tmp_path / "set").mkdir()
    for name in ("train_1.csv", "train_2.csv"):
        write(tmp_path / "set" / name, "sentence1,sentence2,label", *rows)
    fields = (row.split(",") for row in rows)
    objects = [json.dumps({"sentence1": a, "sentence2": b, "label": int(label)}) for a, b, label in fields]
    third = write(tmp_path / "set/train_3.jsonl", *objects)
    (data,) = open_data(str(tmp_path / "set"))
    assert data.notes == ("not read, since a folder is read in one format: train_3.jsonl",)
    third.unlink()
    assert open_data(str(tmp_path / "set"))[0].notes == ()


def test_a_split_that_is_spelt_in_two_ways_is_refused(tmp_path: Path) -> None:
    rows = [f"{sequence(PROTEIN, 60)},{sequence(PROTEIN, 60)},{i % 2},{'Train' if i else 'train'}" for i in range(8)]
    table = write(tmp_path / "a.csv", "sentence1,sentence2,label,split", *rows)
    with pytest.raises(DataError, match="column 'split' calls a split 'train' and 'Train': write it in one way"):
        read(table)


def test_a_column_of_the_name_that_the_audit_gives_is_refused(tmp_path: Path) -> None:
    rows = [f"{sequence(PROTEIN, 60)},{sequence(PROTEIN, 60)},{i % 2},{i},{'train' if i else 'test'}" for i in range(8)]
    table = write(tmp_path / "a.csv", f"sentence1,sentence2,label,{FILE_ROW},split", *rows)
    with pytest.raises(DataError, match="has a column 'row of the file', a name that an audit uses: rename it"):
        read(table)


def test_columns_of_a_json_that_hold_whole_columns_are_refused_in_a_short_line(tmp_path: Path) -> None:
    """As pandas writes them unless told otherwise."""
    columns = {name: {str(i): "MKVL" * 20 for i in range(500)} for name in ("sentence1", "sentence2", "label")}
    table = write(tmp_path / "a.json", json.dumps(columns))
    with pytest.raises(DataError, match=r"holds lists or objects: .* for each pair$"):
        read(table)


def test_folders_and_folds_are_splits(tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    unquoted(folder / "train.tsv")
    open_quote(folder / "test.tsv")
    pairs = read(folder)
    assert pairs.splits == ["train", "test"] and len(pairs) == 80
    rows = (f"{a},{b},{i % 2},{i % 5}" for i, (a, b) in enumerate(DNA))
    folded = read(write(tmp_path / "a.csv", "seq1,seq2,label,fold", *rows))
    assert folded.splits == [f"fold {i}" for i in range(5)]
    for division, part in zip(divisions(folded), range(5), strict=True):
        assert division.late.tolist() == (folded.part == part).tolist()
        assert (division.early ^ division.late).all()
    assert [division.name for division in costly_divisions(folded)] == [f"fold {i}" for i in range(5)]
    many = (f"{a},{b},{i % 2},{i % 9}" for i, (a, b) in enumerate(DNA))
    of_nine = read(write(tmp_path / "c.csv", "seq1,seq2,label,fold", *many))
    assert [division.name for division in costly_divisions(of_nine)] == [f"fold {i}" for i in (0, 2, 4, 6, 8)]
    plan = design(folded, number_sequences(folded))
    assert plan.how == "5 given folds, each predicted from the others"
    assert [set(folded.part[plan.sample[predicted]]) for _, predicted in plan.folds] == [{i} for i in range(5)]
    pandas = (f"{a},{b},{i % 2},{'' if i == 7 else f'{i % 5}.0'}" for i, (a, b) in enumerate(DNA))
    missing = read(write(tmp_path / "b.csv", "seq1,seq2,label,fold", *pandas))
    assert missing.splits == [*(f"fold {i}" for i in range(5)), "fold none"]
    assert missing.data.folds


def test_folds_are_searched_and_guessed_each_and_told_as_their_mean(tmp_path: Path) -> None:
    first = [sequence(PROTEIN, 12) for _ in range(200)]
    for at in range(20):  # near copies: half of fold 2, a quarter of folds 0 and 1
        copied = first[5 * at + at % 2]
        first[5 * at + 2] = copied[:6] + ("A" if copied[6] != "A" else "C") + copied[7:]
    rows = (f"{text},{sequence(PROTEIN, 14 + i // 5 % 2)},{i // 5 % 2},{i % 5}" for i, text in enumerate(first))
    pairs = read(write(tmp_path / "a.csv", "peptide,receptor,label,fold", *rows))
    numbered = number_sequences(pairs)
    (joined,), searches = check_similar(pairs, numbered)
    assert joined.check == "leaked_near_copies"
    assert (joined.figure.value, joined.figure.low, joined.figure.high) == (pytest.approx(0.2), 0, 0.5)
    assert joined.what.startswith("mean of 5 folds 20.0% (0.0% to 50.0%); most: fold 2: 20 of 40 of peptide")
    assert [search.partition(":")[0] for search in searches] == [f"fold {i}" for i in range(5)]
    shortcuts = measure_shortcuts(pairs, numbered, np.arange(200), show=False)
    ((name, table),) = by_split(shortcuts)
    by_name = {row["all"].name: row["all"] for row in table}
    length = by_name["length and composition"]
    assert (name, length.rows, length.folds, length.accuracy) == ("5 folds", 200, 5, Estimate(1.0, 1.0, 1.0))
    own = [each.accuracy.value for each in shortcuts if (each.name, each.pairs, each.folds) == ("k-mers", "all", 0)]
    assert by_name["k-mers"].accuracy == Estimate(pytest.approx(np.mean(own)), min(own), max(own))
    assert "accuracy [least, most]" in shortcuts_text(name, table)


def test_alphabets_are_guessed_each_side_by_itself() -> None:
    for texts, kind in (
        (["ACGTNACGT", "GGCC"], "dna"),
        (["acguacgu"], "rna"),
        (["ACGUACGUT" * 3], "rna"),
        (["CASSLGQAYEQYF", "CASSPDRGGYEQYF"], "protein"),
        (["CC(C)CC1=CC=C(C=C1)C(C)C(=O)O", "CCO"], "smiles"),
        (["Is this a question?"], "text"),
        ([], "text"),
    ):
        assert guess_alphabet(texts).kind == kind, texts

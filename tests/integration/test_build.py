"""Builds as a user runs them: the same bytes however they run, and nothing lost on the way."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from bio_paws.build.export import finish
from bio_paws.build.segments import MAX_SEGMENT
from bio_paws.cli.app import main
from bio_paws.configs import CONFIGS, SIMILARITY_BINS
from bio_paws.dataset.manifest import read_manifest, write_manifest
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.features.kmers import word_overlap
from bio_paws.verify.verify import verify
from conftest import Run
from genomes import random_dna, write_source

SMALL = ("dna50", "dna_protein", "protein150_paws", "dna150_graded", "--pairs", 120)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_config_is_built_and_checks_out(built: Path, bio_paws: Run) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    assert list(manifest["configs"]) == [config.name for config in CONFIGS if not config.needs_large_source]
    for name, entry in manifest["configs"].items():
        for split, split_entry in entry["splits"].items():
            rows = pq.read_table(built / split_entry["file"])
            assert rows.num_rows == split_entry["rows"] > 0, (name, split)
            assert 2 * split_entry["similar"] == split_entry["rows"]
    verified = bio_paws("verify", built, "--workers", 1)
    assert (verified.returncode, verified.stderr) == (0, ""), verified.stdout
    assert "0 violations" in verified.stdout


def test_kinds_of_dna150s_have_their_shares(built: Path) -> None:
    table = pq.read_table(built / "dna150s/train-00000-of-00001.parquet").to_pylist()
    similar = [row for row in table if row["label"] == 1]
    shares = {kind: sum(row["kind"] == kind for row in similar) / len(similar) for kind in ("identical", "containment")}
    assert 0.2 < shares["identical"] < 0.5
    assert 0.2 < shares["containment"] < 0.5
    assert all(row["sentence1"] == row["sentence2"] for row in similar if row["kind"] == "identical")


@pytest.mark.parametrize("config", [config.name for config in CONFIGS if config.rearranged])
def test_adversarial_pairs_are_told_by_alignment_and_by_nothing_less(config: str, built: Path) -> None:
    rows = [row for path in sorted((built / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    labels = np.array([row["label"] for row in rows])
    assert roc_auc_score(labels, [row["similarity"] for row in rows]) == pytest.approx(1.0)
    for side in ("sentence1", "sentence2"):
        assert Counter(row[side] for row in rows if row["label"]) == Counter(
            row[side] for row in rows if not row["label"]
        )
    for k in range(1, 7):
        overlaps = [word_overlap(row["sentence1"], row["sentence2"], k) for row in rows]
        assert abs(roc_auc_score(labels, overlaps) - 0.5) < 0.1, k
    assert {len(row["sentence1"]) - len(row["sentence2"]) for row in rows if row["label"]} == {
        len(row["sentence1"]) - len(row["sentence2"]) for row in rows if not row["label"]
    }


@pytest.mark.parametrize("config", [config.name for config in CONFIGS if config.graded])
def test_bands_are_equally_filled(config: str, built: Path) -> None:
    rows = pq.read_table(built / config / "train-00000-of-00001.parquet").to_pylist()
    counts = Counter(row["kind"] for row in rows if row["label"])
    assert len(counts) > 3
    assert len(set(counts.values())) == 1
    for row in rows:
        low, high = {kind: (low, high) for kind, low, high in SIMILARITY_BINS}.get(row["kind"], (0.0, 0.55))
        assert low <= row["similarity"] < high
        assert (row["evalue"] < 1e-5) == (row["label"] == 1)


def test_bytes_do_not_depend_on_workers_or_on_kills(source: Path, tmp_path: Path, bio_paws: Run) -> None:
    common = ("build", *SMALL, "--source", source)
    alone = bio_paws(*common, "--out", tmp_path / "alone/bioPAWS", "--workers", 1)
    assert alone.returncode == 0, alone.stderr
    killed, work = tmp_path / "killed/bioPAWS", tmp_path / "killed/.bio-paws-work"
    for stage in ("hits", "outcomes"):
        kill_once_there_is(work / stage, common, killed)
        # Pairs are finished once their outcomes are counted; those of a config that was interrupted are made again.
        stages = [folder for folder in work.iterdir() if folder.name != "pairs" and not folder.name.startswith(".")]
        files = [path for folder in stages for path in folder.glob("[!.]*")]
        finished = {path: path.stat().st_mtime_ns for path in files}
        assert not killed.exists()
    resumed = bio_paws(*common, "--out", killed, "--workers", 2)
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished  # made once
    assert digests(tmp_path / "alone/bioPAWS") == digests(killed)


def kill_once_there_is(stage: Path, arguments: tuple[object, ...], out: Path) -> None:
    """Start a build by two workers, and kill it when a stage has written its first file."""
    command = [sys.executable, "-m", "bio_paws.cli", *map(str, arguments), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while not any(stage.glob("*.arrow")) and not any(stage.glob("*.json")):
        assert process.poll() is None, f"the build ended before {stage} had a file"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_config_does_not_depend_on_the_others_built_with_it(
    built: Path, source: Path, tmp_path: Path, bio_paws: Run
) -> None:
    out = tmp_path / "bioPAWS"
    done = bio_paws("build", "protein150", "--pairs", 400, "--source", source, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stderr
    for path in sorted((out / "protein150").iterdir()):
        assert path.read_bytes() == (built / "protein150" / path.name).read_bytes()


def test_builds_into_one_folder_at_once_are_both_there(
    built: Path, source: Path, tmp_path: Path, bio_paws: Run
) -> None:
    out = tmp_path / "bioPAWS"
    common = ("--source", source, "--out", out, "--workers", 1, "--pairs", 120)
    common += ("--work", built.parent / ".bio-paws-work")
    names = ("dna50", "protein150")  # which need different searches
    commands = [[sys.executable, "-m", "bio_paws.cli", "build", name, *map(str, common)] for name in names]
    builds = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for command in commands]
    said = [build.communicate()[1] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], said
    assert b"another build writes into it: waiting for its end" in b"".join(said)
    assert tuple(read_manifest(out).configs) == names
    assert bio_paws("verify", out, "--workers", 1).returncode == 0
    everything = digests(out)
    other_seed = bio_paws("build", "protein150", *common, "--seed", 5)
    assert other_seed.returncode == 2
    assert "holds dna50 built with other --seed: build all its configs in one command" in other_seed.stderr
    assert digests(out) == everything


@pytest.mark.parametrize(
    ("file", "suffix", "builds"), [("genomic.fna", "fna", "dna50"), ("protein.faa", "faa", "protein150")]
)
def test_bare_fasta_builds_what_it_can(file: str, suffix: str, builds: str, tmp_path: Path, bio_paws: Run) -> None:
    source = write_source(tmp_path / "source", genes=30)
    files = [path for path in sorted(source.glob(f"*_{file}.gz")) if "cds" not in path.name]
    text = "".join(gzip.decompress(path.read_bytes()).decode() for path in files)
    fasta = tmp_path / f"all.{suffix}"
    fasta.write_text(text)
    done = bio_paws("build", "--source", fasta, "--out", tmp_path / "bioPAWS", "--pairs", 40, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bioPAWS" / builds).is_dir()
    shortfalls = done.stdout.split("Fewer pairs than requested")[1]
    assert "dna_protein: not built, the source holds no genes on their genome" in shortfalls
    assert "Example of " in done.stdout
    named = bio_paws("build", "dna_protein", "--source", fasta, "--out", tmp_path / "other", "--workers", 1)
    assert named.returncode == 2
    assert named.stderr.count("\n") == 1


def test_a_new_config_is_one_entry(source: Path, tmp_path: Path) -> None:
    """A toy config builds, verifies and loads when it is added to the one tuple."""
    script = tmp_path / "toy.py"
    script.write_text(
        "import dataclasses, sys\n"
        "from bio_paws import configs\n"
        "toy = dataclasses.replace(configs.get_config('dna50'), name='toy', mean_length=80, pairs=100)\n"
        "configs.CONFIGS = (*configs.CONFIGS, toy)\n"
        "from bio_paws.cli.app import main\n"
        "from datasets import load_dataset\n"
        f"out = {str(tmp_path / 'bioPAWS')!r}\n"
        "if __name__ == '__main__':\n"
        f"    assert main(['build', 'toy', '--source', {str(source)!r}, '--out', out, '--workers', '1']) == 0\n"
        "    assert main(['verify', out, '--workers', '1']) == 0\n"
        "    data = load_dataset(out, 'toy')\n"
        "    lengths = [len(row['sentence1']) for row in data['train']]\n"
        "    assert 60 < sum(lengths) / len(lengths) < 100, lengths\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_engine_finds_similar_proteins(source: Path, tmp_path: Path, bio_paws: Run) -> None:
    out = tmp_path / "bioPAWS"
    arguments = ("build", "protein150", "--source", source, "--out", out, "--pairs", 60, "--workers", 1)
    done = bio_paws(*arguments, "--engine", "mmseqs")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["versions"].keys() >= {"blast", "mmseqs"}
    assert manifest["configs"]["protein150"]["splits"]["train"]["rows"] > 0
    assert f"(similar proteins: MMseqs2 {manifest['versions']['mmseqs']})" in (out / "BUILD.md").read_text()


def strains(path: Path, length: int, count: int, rate: float, seed: int = 3) -> Path:
    """Write strains of one random genome, without genes: substituted at `rate`, with a few insertions and deletions."""
    rng = np.random.default_rng(seed)
    ancestor = random_dna(rng, length)
    with path.open("w") as out:
        for number in range(count):
            draws, bases = rng.random(length), random_dna(rng, length)
            changed = (
                new if draw < rate else "" if draw < 1.02 * rate else base + new if draw < 1.04 * rate else base
                for base, new, draw in zip(ancestor, bases, draws, strict=True)
            )
            out.write(f">S{seed}{number}.1 Testus virus strain {number}\n{''.join(changed)}\n")
    return path


@pytest.mark.parametrize(("length", "count", "rate"), [(68_000, 2, 0.03), (12_000, 12, 0.02)])
def test_small_sources_give_pairs_in_every_split(
    length: int, count: int, rate: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = strains(tmp_path / "strains.fna", length, count, rate)
    out = tmp_path / "bioPAWS"
    arguments = ["dna150", "--source", str(source), "--out", str(out), "--pairs", "60", "--workers", "1", "--json"]
    assert main(["build", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    (config,) = report["configs"]
    assert config["rows"].keys() == {"train", "validation", "test"}
    assert report["outcomes"]["dna150"]["accepted"] > 60
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["partition_limits"]["max_segment"] < MAX_SEGMENT
    assert main(["verify", str(out), "--workers", "1"]) == 0


def test_a_held_out_organism_is_in_test_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [strains(tmp_path / f"{seed}.fna", 12_000, count, 0.02, seed) for seed, count in ((3, 8), (4, 3))]
    out = tmp_path / "bioPAWS"
    arguments = [argument for source in sources for argument in ("--source", str(source))]
    arguments += ["--out", str(out), "--pairs", "400", "--workers", "1"]
    assert main(["build", "dna150", *arguments, "--holdout-organism", "Testus"]) == 2
    message = capsys.readouterr().err
    assert "--holdout-organism Testus: the sources hold " in message
    rest, name = message.strip().partition("the sources hold ")[2].split(", ")
    assert main(["build", "dna150", *arguments, "--holdout-organism", name]) == 0
    manifest = read_manifest(out)
    assert manifest.arguments.holdout_organisms == [name]
    for split, entry in manifest.configs["dna150"].splits.items():
        assert entry.breadth is not None
        assert entry.breadth.organisms.keys() - {rest} == ({name} if split == "test" else set())
    manifest.arguments.holdout_organisms = [rest]
    finish(out, manifest)
    violations = verify(out, manifest, InProcessExecutor())
    assert {violation.code for violation in violations} == {"LEAK005"}


def test_a_large_source_has_the_ordinary_limits(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    assert "partition_limits" not in manifest
    assert "searched" not in manifest["arguments"]


@pytest.mark.parametrize(
    ("length", "count", "says"),
    [
        (5_000, 1, "no two sequences of the source are similar over 120 bp or more: add a related genome"),
        (5_400, 2, "every split needs 2 homology groups with similar sequences, and the source gives train"),
    ],
)
def test_a_named_config_with_an_empty_split_fails_with_its_counts(
    length: int, count: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = strains(tmp_path / "strains.fna", length, count, 0.05)
    out = tmp_path / "bioPAWS"
    arguments = ["build", "dna150", "--source", str(source), "--out", str(out), "--pairs", "400", "--workers", "1"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    (error,) = (line for line in captured.err.splitlines() if line.startswith("bio-paws: error: "))
    assert says in error
    assert "Candidates by outcome\n  dna150: " in captured.out
    assert main([*arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert says in report["error"]
    assert report["outcomes"]["dna150"]["missing_homolog"] > 0
    assert not out.exists()


def test_a_config_searches_what_it_needs_and_takes_along_those_that_stand(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Splits by DNA alone and splits by proteins alone do not fit together: both are then split by both."""
    common = ["--source", str(source), "--pairs", "60", "--workers", "1"]
    outs = {name: tmp_path / name / "bioPAWS" for name in ("dna50", "protein150")}
    for name, searched in (("dna50", "dna"), ("protein150", "protein")):
        assert main(["build", name, *common, "--out", str(outs[name])]) == 0
        work = outs[name].parent / ".bio-paws-work"
        assert [path.name for path in work.glob("search-*")] == [f"search-{searched}"]
        assert json.loads((outs[name] / "manifest.json").read_text())["arguments"]["searched"] == [searched]
    capsys.readouterr()
    before = digests(outs["dna50"])
    assert main(["build", "protein150", *common, "--seed", "5", "--out", str(outs["dna50"])]) == 2
    assert "holds dna50 built with other --seed: build all" in capsys.readouterr().err
    assert digests(outs["dna50"]) == before
    for added, standing, alone in (("protein150", "dna50", "DNA"), ("dna50", "protein150", "proteins")):
        assert main(["build", added, *common, "--out", str(outs[standing])]) == 0
        line = (
            f"holds {standing}, for which {alone} alone were searched: {standing} is built anew together with {added}"
        )
        assert line in caplog.text
        assert read_manifest(outs[standing]).arguments.searched == ["dna", "protein"]
    assert digests(outs["dna50"]) == digests(outs["protein150"])


def test_what_stands_is_built_anew_of_its_own_sources_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_source(tmp_path / "source", genes=30)
    arguments = ["--source", str(source), "--pairs", "40", "--workers", "1", "--out", str(tmp_path / "bioPAWS")]
    assert main(["build", "dna50", *arguments]) == 0
    before = digests(tmp_path / "bioPAWS")
    with gzip.open(source / "GCF_000000001.1_Test1_genomic.fna.gz", "at") as genome:
        genome.write(">NC_000009.1 Testus primus plasmid\nACGTTGCAAC\n")
    assert main(["build", "protein150", *arguments]) == 2
    assert "holds dna50 built with other files of sources" in capsys.readouterr().err
    assert digests(tmp_path / "bioPAWS") == before


def test_a_config_beside_others_is_split_by_what_they_were(
    built: Path, source: Path, tmp_path: Path, bio_paws: Run
) -> None:
    """DNA alone is searched for dna50 by itself; beside others it has the splits of a build of all, or is refused."""
    out = tmp_path / "bioPAWS"
    shutil.copytree(built, out)
    shutil.rmtree(out / "dna50")
    manifest = read_manifest(out)
    entry = manifest.configs.pop("dna50")
    write_manifest(out, manifest)
    arguments = ("build", "dna50", "--pairs", 400, "--source", source, "--out", out, "--workers", 1)
    arguments += ("--work", built.parent / ".bio-paws-work")
    assert bio_paws(*arguments).returncode == 0
    assert read_manifest(out).configs["dna50"] == entry
    manifest.sources[0].files[0].sha256 = "0" * 64
    write_manifest(out, manifest)
    changed = bio_paws(*arguments)
    assert changed.returncode == 2
    assert "built with other files of sources" in changed.stderr

"""The data set as a stranger loads it: a fresh process, a fresh cache, no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bio_paws.configs import CONFIGS
from bio_paws.schema import SCHEMA
from conftest import Run, run_program


def python(code: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("config", [config.name for config in CONFIGS if not config.needs_large_source])
def test_load_dataset_from_the_root(config: str, built: Path, tmp_path: Path) -> None:
    code = (
        "import json\n"
        "from datasets import load_dataset, load_dataset_builder\n"
        f"data = load_dataset('bioPAWS', {config!r})\n"
        f"info = load_dataset_builder('bioPAWS', {config!r}).info\n"
        "print(json.dumps({'rows': {k: v.num_rows for k, v in data.items()},"
        " 'columns': data['train'].column_names, 'labels': data['train'].features['label'].names,"
        " 'card': {k: v.num_examples for k, v in info.splits.items()}, 'version': str(info.version)}))"
    )
    done = python(code, built.parent, tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert list(said["rows"]) == ["train", "validation", "test"]
    assert said["rows"] == said["card"]
    assert said["columns"] == SCHEMA.names
    assert said["labels"] == (["not_coding", "coding"] if config == "dna_protein" else ["dissimilar", "similar"])
    assert said["version"] == "1.0.0"


def test_streaming_and_config_names(built: Path, tmp_path: Path) -> None:
    code = (
        "from datasets import load_dataset, get_dataset_config_names\n"
        "row = next(iter(load_dataset('bioPAWS', 'dna150', split='test', streaming=True)))\n"
        "assert set(row['sentence1']) <= set('ACGT') and row['label'] in (0, 1), row\n"
        "print(','.join(get_dataset_config_names('bioPAWS')))"
    )
    done = python(code, built.parent, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ",".join(config.name for config in CONFIGS if not config.needs_large_source)


def test_install_serves_any_folder(built: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = python("from datasets import load_dataset; load_dataset('bioPAWS', 'dna50')", elsewhere, home)
    assert before.returncode != 0
    done = run_program("install", built, HF_HOME=str(home), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    code = (
        "from datasets import load_dataset\n"
        "from bio_paws import load\n"
        "data = load_dataset('bioPAWS', 'dna50')\n"
        "assert load('dna50', split='test').num_rows == data['test'].num_rows\n"
        "assert next(iter(load_dataset('bioPAWS', 'dna50', split='test', streaming=True)))['sentence1']\n"
        "print(data['train'].num_rows, data['train'].features['label'].names)"
    )
    after = python(code, elsewhere, home)
    assert after.returncode == 0, after.stderr
    assert "['dissimilar', 'similar']" in after.stdout


def test_load_takes_a_folder(built: Path, tmp_path: Path) -> None:
    code = f"from bio_paws import load; print(load('protein150', data={str(built)!r}, split='test').num_rows)"
    done = python(code, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    missing = python("from bio_paws import load; load('protein150')", tmp_path, tmp_path / "fresh")
    assert "build it, or pass data=" in missing.stderr


def test_load_takes_a_version(built: Path, tmp_path: Path) -> None:
    code = "from bio_paws import load; print(load('dna50', version='1.0.0', split='test').num_rows)"
    done = python(code, built.parent, tmp_path)
    assert done.returncode == 0, done.stderr
    # Beside the folder, and of the folder.
    for data, place in (("", built.parent), (f", data={str(built)!r}", tmp_path)):
        other = python(f"from bio_paws import load; load('dna50', version='2.0.0'{data})", place, tmp_path)
        assert "bioPAWS holds version 1.0.0, not 2.0.0: pass the Hub id" in other.stderr
    nowhere = python("from bio_paws import load; load('dna50', version='2.0.0')", tmp_path, tmp_path / "fresh")
    assert "cannot be loaded from bioPAWS at v2.0.0" in nowhere.stderr


def test_a_new_build_is_not_served_from_an_old_cache(built: Path, source: Path, tmp_path: Path, bio_paws: Run) -> None:
    folder, home = tmp_path / "bioPAWS", tmp_path / "home"
    code = "from datasets import load_dataset; print(load_dataset('bioPAWS', 'protein150', split='test')[0]['pair_id'])"
    common = ("build", "protein150", "--source", source, "--out", folder, "--workers", 1, "--pairs", 120)
    seen = []
    for seed in (1, 2):
        shutil.rmtree(folder, ignore_errors=True)
        assert bio_paws(*common, "--seed", seed).returncode == 0
        done = python(code, tmp_path, home)
        assert done.returncode == 0, done.stderr
        seen.append(done.stdout)
    assert seen[0] != seen[1]


def test_the_builder_prepares_by_itself(source: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from bio_paws.build.datasets_builder import BioPaws\n"
        "from bio_paws.build.pipeline import BuildOptions\n"
        f"options = BuildOptions(({str(source)!r},), pairs=120, work=Path({str(tmp_path / 'work')!r}))\n"
        "builder = BioPaws(config_name='protein150', options=options)\n"
        f"builder.download_and_prepare({str(tmp_path / 'out')!r}, file_format='parquet')\n"
        "print(builder.info.version, builder.info.splits['train'].num_examples)"
    )
    done = python(code, tmp_path, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.0.0 ")
    assert list((tmp_path / "out").glob("*-train*.parquet"))

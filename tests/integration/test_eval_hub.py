"""A model and PAWS-X from the Hub, by commit: over HTTP, into a fresh cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws_eval.results import read_results
from bio_paws_eval.tasks import registry
from conftest import Run, run_each, run_program
from hub_server import HubServer, serving


def write_hub_pawsx(folder: Path, tsv: Path) -> Path:
    """PAWS-X as the Hub holds it: a folder a language, Parquet."""
    for language in ("en", "fr"):
        for split, name in (("train", "train"), ("validation", "dev"), ("test", "test")):
            lines = [line.split("\t") for line in (tsv / name / f"{language}.tsv").read_text().splitlines()[1:]]
            ids, first, second, labels = zip(*lines, strict=True)
            table = pa.table(
                {
                    "id": pa.array(map(int, ids), pa.int32()),
                    "sentence1": first,
                    "sentence2": second,
                    "label": pa.array(map(int, labels), pa.int64()),
                }
            )
            path = folder / language / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
    entries = "".join(
        f"- config_name: {language}\n  data_files:\n"
        + "".join(f"  - split: {split}\n    path: {language}/{split}-*\n" for split in ("train", "validation", "test"))
        for language in ("en", "fr")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{entries}---\n")
    return folder


def environment(server: HubServer, home: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}


def test_model_and_pairs_come_from_the_hub_by_commit(
    bio_paws: Run, bert: Path, pawsx: Path, built: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(bert, tmp_path / "model"))
    (model / "modeling_evil.py").write_text("raise SystemExit('code of a model was run')\n")
    (model / "pytorch_model.bin").write_bytes(b"not to be fetched: there are safe tensors")
    pairs = write_hub_pawsx(tmp_path / "pairs", pawsx)
    given = ["--data", built, "--finetune", "fr", "--seeds", 1, "--epochs", 1, "--configs", "pawsx_fr", "--out"]
    with serving(models__user__bert=model, datasets__user__pawsx=pairs) as server:
        commit = server.commit("models/user/bert")
        home = environment(server, tmp_path / "home")
        hub = ["eval", "--model", "user/bert", "--pawsx", "user/pawsx"]
        done, pinned, wrong = run_each(
            [
                [*hub, *given, tmp_path / "out"],
                [*hub, "--revision", commit, *given, tmp_path / "pinned"],
                [*hub, "--revision", "v9", *given, tmp_path / "wrong"],
            ],
            **home,
        )
        assert done.returncode == 0, done.stderr
        assert pinned.returncode == 0, pinned.stderr
        assert wrong.returncode == 2
        assert wrong.stderr.startswith("bio-paws: error: user/bert at v9: neither a folder nor available from the Hub")
        fetched = [request for request in server.requests if "resolve" in request and "datasets" not in request]
    assert not [request for request in fetched if "modeling_evil" in request or "pytorch_model" in request]
    ((_, result),) = read_results(tmp_path / "out")
    assert result.model.id == "user/bert"
    assert result.model.revision == commit
    assert (result.task.rows, result.task.dropped) == (48, 2)
    # The same model and pairs from folders give the same numbers.
    local = bio_paws("eval", "--model", model, "--pawsx", pawsx, *given, tmp_path / "local")
    assert local.returncode == 0, local.stderr
    ((_, same),) = read_results(tmp_path / "local")
    assert same.metrics == result.metrics
    # Once fetched, no network is needed.
    again = run_program(*hub, *given, tmp_path / "again", **home | {"HF_HUB_OFFLINE": "1"})
    assert again.returncode == 0, again.stderr


def test_the_pinned_revision_of_paws_x_is_a_commit() -> None:
    assert len(registry.PAWSX_REVISION) == 40
    assert int(registry.PAWSX_REVISION, 16)

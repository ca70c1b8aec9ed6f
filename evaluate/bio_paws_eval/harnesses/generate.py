"""Write the folder of tasks that lm-evaluation-harness or lighteval reads. It needs nothing of this package to run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from bio_paws.configs import DATA_VERSION
from bio_paws.errors import BioPawsError
from bio_paws.execution.files import json_text, temporary_folder
from bio_paws_eval.harnesses.pair_data import PairData
from bio_paws_eval.harnesses.prompts import SIDES, PromptedConfig, prompted
from bio_paws_eval.methods.prompt_templates import TemplateName

GROUP = "biopaws"
"""Name of all tasks together; those of a config are called ``biopaws_dna150`` or ``biopaws:dna150``."""

HarnessName = Literal["lm-eval", "lighteval"]
HARNESSES: tuple[HarnessName, ...] = get_args(HarnessName)

_FILES = files("bio_paws_eval.harnesses") / "files"
_SCORING = "biopaws_scoring.py"


def write_tasks(harness: HarnessName, data: PairData, split: str, template: TemplateName, out: Path) -> list[Path]:
    """Write the tasks of all configs of a data set.

    Parameters
    ----------
    harness : {"lm-eval", "lighteval"}
        What is to read them.
    data : PairData
        The pairs.
    split : {"test", "validation"}
        What is predicted.
    template : str
        Words of the prompts.
    out : Path
        The folder to write; it must be empty, or not exist.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BioPawsError
        When `out` holds anything, which the harness might read as tasks.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BioPawsError(f"{out}: exists and is not an empty folder: remove it, or pass another one as --out")
    tasks = [prompted(config, template) for config in data.contents]
    texts = (_lm_eval if harness == "lm-eval" else _lighteval)(tasks, data, split)
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out.parent, out.name) as folder:
        whole = folder / "tasks"
        whole.mkdir()
        for name, text in texts.items():
            (whole / name).write_text(text, encoding="utf-8")
        whole.replace(out)
    return [out / name for name in texts]


def _lm_eval(tasks: list[PromptedConfig], data: PairData, split: str) -> Mapping[str, str]:
    common = {
        "dataset_path": data.path,
        "dataset_kwargs": {"revision": data.revision} if data.revision else {},
        "test_split": split,
        "fewshot_split": "train",
        "output_type": "multiple_choice",
        "doc_to_target": "label",
        "target_delimiter": "",
        "process_results": _Function("biopaws_scoring.process_results"),
        "metric_list": [
            *({"metric": name, "aggregation": "mean", "higher_is_better": True} for name in _ACCURACIES),
            {"metric": "auroc", "aggregation": _Function("biopaws_scoring.auroc"), "higher_is_better": True},
        ],
    }
    texts = {
        f"{_name(task)}.yaml": _yaml(
            {
                "task": _name(task),
                "dataset_name": task.config.name,
                "doc_to_text": task.context,
                "doc_to_choice": _jinja_list(task.continuations),
                **common,
                "metadata": {"version": data.contents[task.config]},
            }
        )
        for task in tasks
    }
    group = {
        "group": GROUP,
        "task": [_name(task) for task in tasks],
        "aggregate_metric_list": [
            {"metric": name, "aggregation": "mean", "weight_by_size": False} for name in ("acc", "auroc")
        ],
        "metadata": {"version": DATA_VERSION},
    }
    return {f"{GROUP}.yaml": _yaml(group), **texts, _SCORING: _FILES.joinpath(_SCORING).read_text(encoding="utf-8")}


_ACCURACIES = ("acc", "acc_yes_no", "acc_no_yes")


def _lighteval(tasks: list[PromptedConfig], data: PairData, split: str) -> Mapping[str, str]:
    prompts = {task.config.name: (task.context, task.continuations) for task in tasks}
    read = {"path": data.path, "revision": data.revision, "split": split, "prompts": prompts}
    sources = {name: _FILES.joinpath(name).read_text(encoding="utf-8") for name in ("biopaws_lighteval.py", _SCORING)}
    return {**sources, "biopaws_prompts.json": json_text(read)}


def _name(task: PromptedConfig) -> str:
    return f"{GROUP}_{task.config.name}"


def _jinja_list(texts: tuple[str, ...]) -> str:
    """Return texts as a list of Jinja's, the sides being its variables.

    Examples
    --------
    >>> _jinja_list((" a {{sentence1}}",))
    '{{ [" a " ~ sentence1 ~ ""] }}'
    """
    literals = [json.dumps(text) for text in texts]
    for side in SIDES:
        literals = [literal.replace(side, f'" ~ {side.strip("{}")} ~ "') for literal in literals]
    return f"{{{{ [{', '.join(literals)}] }}}}"


class _Function(str):
    """A function that a task names."""


class _Dumper(yaml.SafeDumper):
    """Writes functions with the tag by which lm-evaluation-harness imports them."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what is said twice twice."""
        return True


_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def _yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=100)
    return text

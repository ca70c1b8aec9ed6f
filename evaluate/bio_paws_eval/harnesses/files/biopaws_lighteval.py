"""Tasks of bioPAWS for lighteval, from the prompts in the file beside this one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils.metric_utils import SampleLevelMetricGrouping
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

_FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(_FOLDER))

from biopaws_scoring import auroc, scores_of  # noqa: E402

_SET = json.loads((_FOLDER / "biopaws_prompts.json").read_text(encoding="utf-8"))
_MEANS = ("acc", "acc_yes_no", "acc_no_yes")


class _Scores(SampleLevelComputation):  # type: ignore[misc]
    def compute(self, doc: Doc, model_response: Any, **_: Any) -> dict[str, Any]:
        """Return the scores of one pair."""
        scores: dict[str, Any] = scores_of(model_response.logprobs[: len(doc.choices)], doc.gold_index)
        return scores


def _metric() -> SampleLevelMetricGrouping:
    names = [*_MEANS, "auroc"]
    return SampleLevelMetricGrouping(
        metric_name=names,
        higher_is_better=dict.fromkeys(names, True),
        category=SamplingMethod.LOGPROBS,
        sample_level_fn=_Scores(),
        corpus_level_fn={**dict.fromkeys(_MEANS, np.mean), "auroc": auroc},
    )


def _task(config: str, context: str, continuations: list[str]) -> LightevalTaskConfig:
    def ask(row: dict[str, Any], task_name: str) -> Doc:
        texts = []
        for text in (context, *continuations):
            for side in ("sentence1", "sentence2"):
                text = text.replace("{{%s}}" % side, row[side])  # noqa: PLW2901, UP031
            texts.append(text)
        return Doc(task_name=task_name, query=texts[0], choices=texts[1:], gold_index=row["label"])

    return LightevalTaskConfig(
        name=f"biopaws:{config}",
        prompt_function=ask,
        hf_repo=_SET["path"],
        hf_subset=config,
        hf_revision=_SET["revision"],
        metrics=[_metric()],
        evaluation_splits=[_SET["split"]],
        few_shots_split="train",
        few_shots_select="random_sampling_from_train",
    )


TASKS_TABLE = [_task(config, *prompt) for config, prompt in _SET["prompts"].items()]

"""The results that the card of a data set states: of each test split the best of models that English was taught."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bio_paws.execution.files import write_json
from bio_paws_cards.reference import ReferenceResult
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.systems import Grouped, System, TaskResult
from bio_paws_eval.results import read_results
from bio_paws_eval.tasks.registry import is_biopaws

_DECIMALS = 3


def card_results(grouped: Grouped) -> dict[str, ReferenceResult]:
    """Choose the result with the highest area under the ROC curve for each test split of bioPAWS.

    Only models count that learnt a source which is no config of bioPAWS, and whose pairs of the test split are whole.

    Parameters
    ----------
    grouped : Grouped
        The results of a folder.

    Returns
    -------
    dict of str to ReferenceResult
        By digest of the pairs of the split (`Task.content_sha256`), in the order of the digests.
    """
    best: dict[str, ReferenceResult] = {}
    for system in grouped.systems:
        training = system.training
        if training.control != "none" or training.on == "none" or is_biopaws(training.on) or not system.source_learnt:
            continue
        for name, result in system.scored.items():
            if is_biopaws(name) and result.in_means and not result.limited and result.metric("auroc") is not None:
                stated, digest = _stated(system, result), result.task.content_sha256
                if digest not in best or stated.auroc > best[digest].auroc:
                    best[digest] = stated
    return dict(sorted(best.items()))


def _stated(system: System, result: TaskResult) -> ReferenceResult:
    return ReferenceResult(
        model=system.model.id.replace("__", "/"),
        trained_on=system.training.on,
        seeds=result.summary.seeds,
        accuracy=round(result.summary.mean, _DECIMALS),
        auroc=round(result.metric("auroc") or 0.0, _DECIMALS),
    )


def write_card_results(folders: Sequence[Path], path: Path) -> None:
    """Write the results that cards state: of several folders, each of other data."""
    stated = {
        digest: result for folder in folders for digest, result in card_results(group(read_results(folder))).items()
    }
    write_json(path, {digest: dataclasses.asdict(result) for digest, result in stated.items()})

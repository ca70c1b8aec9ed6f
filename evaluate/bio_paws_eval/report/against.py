"""A user's results beside reference results: the same model, training and task, and whether they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.score_text import MISSING, accuracy, decimal, interval
from bio_paws_eval.report.systems import Grouped, System, TaskResult


def against_table(grouped: Grouped, reference: Grouped) -> Table:
    """Set each result beside that of the reference of the same name, where there is one.

    They may be of other pairs, so the half width of the difference's interval is the root of the sum of the squares of
    theirs, as of two independent means.

    Parameters
    ----------
    grouped : Grouped
        The user's results.
    reference : Grouped
        The reference results.
    """
    rows = [
        row
        for system in grouped.everything
        for rival in [_same(system, reference.everything)]
        if rival is not None
        for task in system.scored
        if task in rival.scored
        for row in [_row(system, task, system.scored[task], _of_same_seeds(system.scored[task], rival.scored[task]))]
    ]
    return Table(
        "against-reference",
        "Beside the reference results",
        text_frame(_COLUMNS, [rows]),
        labels=2,
        note="The same model or baseline, trained on the same task under the same control; of the reference the same "
        "seeds, where it has all of yours. Difference: of the accuracies. Deviates: its interval leaves out 0. Where "
        "the pairs are the same ones and a model was trained with the same hyperparameters and seeds, the difference "
        "should be close to 0, and so should that of the areas under the ROC curve.",
    )


_COLUMNS = (
    *("system", "task", "yours", "reference", "difference", "95% interval"),
    *("your AUROC", "reference AUROC", "pairs", "verdict"),
)


def _of_same_seeds(yours: TaskResult, reference: TaskResult) -> TaskResult:
    """Return the reference of the same seeds, where it has all of them: a mean over others is another number."""
    mine, theirs = ({result.training.seed for result in it.seed_results} for it in (yours, reference))
    return reference.of_seeds(mine) if mine < theirs else reference


def _same(system: System, references: Sequence[System]) -> System | None:
    """Find the reference of the same weights and training, or the same baseline."""
    matching = [rival for rival in references if _identity(rival) == _identity(system)]
    recipe = system.training.recipe
    return max(matching, key=lambda rival: (rival.training.recipe == recipe, len(rival.seeds)), default=None)


def _identity(system: System) -> tuple[str, ...]:
    """Return what must be the same: of a model not its name, which may be that of a folder."""
    model, training = system.model, system.training
    if system.method != "model":
        return system.method, model.id
    return system.method, model.weights_sha256, model.tokenizer_sha256, training.on, training.control


def _row(system: System, task: str, yours: TaskResult, reference: TaskResult) -> Row:
    difference = yours.summary.mean - reference.summary.mean
    error = math.hypot(*((it.summary.high - it.summary.low) / 2 for it in (yours, reference)))
    same = yours.task.content_sha256 == reference.task.content_sha256
    low, high = difference - error, difference + error
    return (
        *(system.name, task, accuracy(yours), accuracy(reference)),
        f"{difference:+z.3f}",
        interval(low, high) if error else MISSING,
        decimal(yours.metric("auroc")),
        decimal(reference.metric("auroc")),
        "the same" if same else "others",
        "within" if low <= 0 <= high else "deviates",
    )

"""Comparisons of vectors that a plan names: of a model before its trainings, and after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from accelerate import PartialState

from bio_paws.errors import BioPawsError
from bio_paws_eval.models.checkpoints import exclusive
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.options import EvaluationOptions
from bio_paws_eval.representations.permutation_tests import Permutations
from bio_paws_eval.representations.results import RESULTS_FILE, RESULTS_FOLDER
from bio_paws_eval.representations.run import RepresentationOptions, compare_models, comparison_key
from bio_paws_eval.results import slug
from bio_paws_eval.runs.device import device_of
from bio_paws_eval.runs.preparation import Prepared
from bio_paws_eval.runs.run import saved_model
from bio_paws_eval.sweep.plan import PlannedVectors
from bio_paws_eval.tasks.registry import is_pawsx


@dataclass(frozen=True)
class Comparison:
    """A comparison of the vectors of one model.

    Attributes
    ----------
    trainings : tuple of EvaluationOptions
        The trainings of the model, each with options of its own; the trained models are saved.
    vectors : PlannedVectors
        How many words and permutations.
    """

    trainings: tuple[EvaluationOptions, ...]
    vectors: PlannedVectors

    def includes(self, trainings: Sequence[EvaluationOptions]) -> bool:
        """Whether one of some trainings makes a model that is compared here."""
        return any(_covers(training, compared) for training in trainings for compared in self.trainings)


def _covers(options: EvaluationOptions, training: EvaluationOptions) -> bool:
    """Whether options, of one seed or several, include a training."""
    same = replace(options, seeds=training.seeds, configs=None) == training
    return same and training.training_seeds[0] in options.training_seeds


def check_libraries() -> None:
    """Check, before a training begins, that the libraries that vectors need are installed.

    Raises
    ------
    BioPawsError
        When a library is not installed.
    """
    for name in ("english_words", "matplotlib", "umap"):
        if find_spec(name) is None:
            raise BioPawsError(f"vectors need {name}, which is not installed: pip install 'bio-paws[plots]'")


def compare(comparison: Comparison, prepared: Sequence[Prepared]) -> None:
    """Compare the vectors of the saved models, unless that is finished."""
    folder = comparison.trainings[0].work
    options = _representation_options(comparison, prepared)
    with exclusive(folder / "locks" / options.out.name):
        if PartialState().is_main_process and not (options.out / RESULTS_FILE).is_file():
            compare_models(options)
        PartialState().wait_for_everyone()


def is_done(comparison: Comparison, prepared: Sequence[Prepared]) -> bool:
    """Whether the vectors have been compared."""
    saved = [_saved(training, prepared) for training in comparison.trainings]
    return (
        all(folder.is_dir() for folder in saved)
        and (_representation_options(comparison, prepared).out / RESULTS_FILE).is_file()
    )


def _representation_options(comparison: Comparison, prepared: Sequence[Prepared]) -> RepresentationOptions:
    """Return the options of a comparison; the name of its folder holds a digest of all that can change the result."""
    first = comparison.trainings[0]
    saved = [(str(_saved(training, prepared)), None) for training in comparison.trainings]
    options = RepresentationOptions(
        ((first.model, first.revision), *saved),
        comparison.vectors.words,
        replace(first.sources, limit=None),
        any(is_pawsx(name) for training in comparison.trainings for name in training.train_on),
        Permutations(comparison.vectors.permutations, comparison.vectors.seed),
        device_of(first.device),
        first.folder / RESULTS_FOLDER,
    )
    name = slug(find_model(first.model, first.revision).id)
    return replace(options, out=options.out / f"{name}-{comparison_key(options)[:8]}")


def _saved(training: EvaluationOptions, prepared: Sequence[Prepared]) -> Path:
    """Return the folder of the model that a training makes."""
    return next(
        saved_model(part, run)
        for part in prepared
        if _covers(part.options, training)
        for run in part.runs
        if run.training.seed == training.training_seeds[0]
    )

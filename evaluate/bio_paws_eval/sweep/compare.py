"""Vectors that a plan asks for: of a model before its trainings, and after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from accelerate import PartialState

from bio_paws.errors import BioPawsError
from bio_paws_eval.models import loading
from bio_paws_eval.representations.permutation_tests import Permutations
from bio_paws_eval.representations.results import RESULTS_FILE, RESULTS_FOLDER
from bio_paws_eval.representations.run import RepresentationOptions, compare_models, comparison_key
from bio_paws_eval.results import slug
from bio_paws_eval.runs.preparation import Prepared
from bio_paws_eval.runs.run import alone, saved_model
from bio_paws_eval.runs.settings import Settings
from bio_paws_eval.sweep.plan import PlannedVectors
from bio_paws_eval.tasks.registry import is_pawsx


@dataclass(frozen=True)
class Comparing:
    """A comparison of vectors.

    Attributes
    ----------
    trainings : tuple of Settings
        What is done to the model, one settings a training; what comes out is kept.
    asked : PlannedVectors
        How many words and permutations.
    """

    trainings: tuple[Settings, ...]
    asked: PlannedVectors

    def is_of(self, trainings: Sequence[Settings]) -> bool:
        """Whether some trainings, or settings that hold several, make a model that is compared here."""
        return any(_holds(one, own) for one in trainings for own in self.trainings)


def _holds(several: Settings, one: Settings) -> bool:
    return one.seeds[0] in several.seeds and replace(several, seeds=one.seeds, configs=None) == one


def check_libraries() -> None:
    """Look for what vectors need beyond trainings, before these begin.

    Raises
    ------
    BioPawsError
        When a library is not installed.
    """
    for name in ("english_words", "matplotlib", "umap"):
        if find_spec(name) is None:
            raise BioPawsError(f"vectors need {name}, which is not installed: pip install 'bio-paws[plots]'")


def compare(comparing: Comparing, prepared: Sequence[Prepared]) -> None:
    """Compare the vectors, unless that is done; the models stand."""
    out = comparing.trainings[0].out
    settings = _settings(comparing, prepared)
    with alone(out / ".work" / "locks" / settings.out.name):
        if PartialState().is_main_process and not (settings.out / RESULTS_FILE).is_file():
            compare_models(settings)
        PartialState().wait_for_everyone()


def is_done(comparing: Comparing, prepared: Sequence[Prepared]) -> bool:
    """Whether the vectors have been compared."""
    kept = [_kept(one, prepared) for one in comparing.trainings]
    return all(one.is_dir() for one in kept) and (_settings(comparing, prepared).out / RESULTS_FILE).is_file()


def _settings(comparing: Comparing, prepared: Sequence[Prepared]) -> RepresentationOptions:
    """Return what is asked of the vectors, in a folder whose name holds a digest of all that can change them."""
    first = comparing.trainings[0]
    kept = [(str(_kept(one, prepared)), None) for one in comparing.trainings]
    settings = RepresentationOptions(
        ((first.model, first.revision), *kept),
        comparing.asked.words,
        replace(first.sources, limit=None),
        any(is_pawsx(on) for one in comparing.trainings for on in one.train_on),
        Permutations(comparing.asked.permutations, comparing.asked.seed),
        first.device,
        first.out / RESULTS_FOLDER,
    )
    name = slug(loading.find_model(first.model, first.revision).id)
    return replace(settings, out=settings.out / f"{name}-{comparison_key(settings)[:8]}")


def _kept(training: Settings, prepared: Sequence[Prepared]) -> Path:
    """Folder of the model that a training makes."""
    return next(
        saved_model(one, run)
        for one in prepared
        if _holds(one.settings, training)
        for run in one.runs
        if run.training.seed == training.seeds[0]
    )

"""Evaluate language models on PAWS-X and bioPAWS."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bio_paws_eval.report.frame import results_frame
    from bio_paws_eval.runs.run import evaluate

__all__ = ["evaluate", "results_frame"]


def __getattr__(name: str) -> Any:
    """Import a public function on first use: torch and pandas take seconds, which the command line saves."""
    if name == "evaluate":
        from bio_paws_eval.runs.run import evaluate

        return evaluate
    if name == "results_frame":
        from bio_paws_eval.report.frame import results_frame

        return results_frame
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

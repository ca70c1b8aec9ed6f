"""Evaluate language models on PAWS-X and bioPAWS."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bio_paws_eval.runs.run import evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    """Import `evaluate` when it is asked for: torch takes seconds, and the parser of the program need not wait."""
    if name == "evaluate":
        from bio_paws_eval.runs.run import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

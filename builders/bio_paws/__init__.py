"""Build, check and load the bioPAWS data set."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bio_paws.dataset.load import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import `load` on first use: an exception of this package is to be had without the libraries that pairs need."""
    if name == "load":
        from bio_paws.dataset.load import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

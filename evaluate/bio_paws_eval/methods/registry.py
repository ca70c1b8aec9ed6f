"""The methods by name. Free of heavy imports: the command line reads it. A new method is one module and one entry."""

from __future__ import annotations

from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from bio_paws_eval.methods.interface import Method

MethodName = Literal["fine-tune", "probe", "cosine", "prompt"]

CONTROLS = ("none", "untuned", "random-init", "shuffled-labels")
"""What a model that was trained as the method says ("none") is compared with: not trained at all, weights drawn anew,
trained on permuted labels."""


@dataclass(frozen=True)
class Registered:
    """A method.

    Attributes
    ----------
    name : str
        As ``--method`` takes it.
    implementation : str
        ``module:class`` of its `interface.Method`; imported where it is used.
    controls : tuple of str
        Controls that make sense with it.
    draws : bool
        Whether the seed changes its plain result (control "none").
    """

    name: MethodName
    implementation: str
    controls: tuple[str, ...]
    draws: bool


METHODS = (
    Registered("fine-tune", "bio_paws_eval.methods.fine_tune:FineTune", CONTROLS, draws=True),
    Registered("probe", "bio_paws_eval.methods.probe:Probe", ("none", "random-init", "shuffled-labels"), draws=False),
    Registered("cosine", "bio_paws_eval.methods.cosine:Cosine", ("none", "random-init"), draws=False),
    Registered("prompt", "bio_paws_eval.methods.prompt:Prompt", ("none", "random-init"), draws=False),
)
_BY_NAME = {method.name: method for method in METHODS}
if tuple(_BY_NAME) != get_args(MethodName):
    raise ValueError("METHODS and MethodName name different methods")


def registered(name: MethodName) -> Registered:
    """Return what is known of a method before it is imported."""
    return _BY_NAME[name]


def implementation_of(name: MethodName) -> type[Method]:
    """Import a method."""
    implementation: type[Method] = resolve_name(_BY_NAME[name].implementation)
    return implementation

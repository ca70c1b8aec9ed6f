"""What the measurements in a result must look like, whoever wrote the file: shares, correlations, counts.

They stay dictionaries, so that what later versions add to them is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bio_paws.execution.documents import first_fault

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
_Correlation = Annotated[float, Field(ge=-1, le=1)]
_TwoCounts = Annotated[list[Count], Field(min_length=2, max_length=2)]

READ_STRICTLY = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
"""How records of results are read: no number from text, no NaN, and fields of later versions kept."""


class _Entry(BaseModel):
    model_config = READ_STRICTLY


class _Interval(_Entry):
    """A value with its 95% interval; None where it is not defined, of one group only the interval."""

    value: float | None
    low: float | None
    high: float | None

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        ends = (self.value, self.low, self.high)
        if (self.value is None and ends != (None, None, None)) or (self.low is None) != (self.high is None):
            raise ValueError("low and high are defined together, and only where there is a value")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class _ShareInterval(_Interval):
    value: Share | None
    low: Share | None
    high: Share | None


class _CorrelationInterval(_Interval):
    value: _Correlation | None
    low: _Correlation | None
    high: _Correlation | None


class _Metrics(_Entry):
    accuracy: _ShareInterval
    balanced_accuracy: _ShareInterval
    f1: _ShareInterval
    mcc: _CorrelationInterval
    auroc: _ShareInterval
    predicted_positive_rate: _ShareInterval
    confusion: Annotated[list[_TwoCounts], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        (true_negatives, false_positives), (false_negatives, true_positives) = self.confusion
        pairs = true_negatives + false_positives + false_negatives + true_positives
        accuracy = (true_negatives + true_positives) / pairs if pairs else None
        stated = self.accuracy.value
        if (accuracy is None) != (stated is None) or abs((accuracy or 0.0) - (stated or 0.0)) > 1e-9:
            raise ValueError(f"accuracy {stated} is not that of the confusion matrix")
        return self


class _PairType(_Entry):
    label: Literal[0, 1]
    n: Count
    predicted_positive_rate: _ShareInterval
    auroc: _ShareInterval


class _AccuracyAndRecall(_Entry):
    accuracy: _ShareInterval
    recall: _ShareInterval


class _Perturbed(_AccuracyAndRecall):
    consistency: _ShareInterval
    margin_change: Amount
    only_original: Count
    only_perturbed: Count
    p_value: Share
    p_corrected: Share


class _Perturbations(_Entry):
    n: Count
    original: _AccuracyAndRecall
    perturbed: dict[str, _Perturbed]
    tells_strands: bool | None


class _Sampling(_Entry):
    unit: Literal["homology groups", "shared sentences", "pairs"]
    pairs: Count
    groups: Count
    effective_groups: Amount
    effective_pairs: Amount | None
    few_groups: bool


def _is(expected: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a check that a dictionary is empty, or is what a model describes; it returns the dictionary itself."""
    adapter = TypeAdapter(expected)

    def check(measured: dict[str, Any]) -> dict[str, Any]:
        try:
            if measured:
                adapter.validate_python(measured)
        except ValidationError as error:
            raise ValueError(first_fault(error)) from error
        return measured

    return check


Metrics = Annotated[dict[str, Any], AfterValidator(_is(_Metrics))]
"""As `stats.metrics.measure` returns them, or empty."""

PairTypes = Annotated[dict[str, Any], AfterValidator(_is(dict[str, _PairType]))]
"""As `stats.pair_types.measure_pair_types` returns them."""

Perturbations = Annotated[dict[str, Any], AfterValidator(_is(_Perturbations))]
"""As `stats.perturbations.measure_perturbations` returns them."""

Sampling = Annotated[dict[str, Any], AfterValidator(_is(_Sampling))]
"""As `stats.metrics.sampling_of` returns it, or empty."""

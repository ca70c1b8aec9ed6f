"""The number format of an evaluation: what a processor computes slowly is said before hours are spent on it."""

from __future__ import annotations

import logging

import pytest
import torch

from bio_paws.errors import ConfigError
from bio_paws_eval.runs import device

SLOW = "this CPU computes bfloat16 16 times as slowly as float32: choose dtype float32"
RATES = {torch.float32: 8e10, torch.bfloat16: 5e9}


@pytest.mark.parametrize(
    ("place", "dtype", "rates", "said"),
    [
        (
            "cpu",
            torch.bfloat16,
            RATES,
            [SLOW],
        ),
        ("cpu", torch.bfloat16, {**RATES, torch.bfloat16: 2e11}, []),
        ("cpu", torch.float32, RATES, []),
        ("cuda", torch.bfloat16, RATES, []),
    ],
)
def test_a_number_format_that_is_emulated_is_said_to_be_slow(
    place: str,
    dtype: torch.dtype,
    rates: dict[torch.dtype, float],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(device, "matrix_rate", lambda _device, dtype, _size: rates[dtype])
    with caplog.at_level(logging.WARNING):
        device.warn_of_slow_dtype(torch.device(place), dtype)
    assert caplog.messages == said


def test_the_rate_is_that_of_a_product() -> None:
    assert device.matrix_rate(torch.device("cpu"), torch.float32, 64) > 0


@pytest.mark.parametrize("way", ["FSDP", "DEEPSPEED", "MEGATRON_LM"])
def test_a_model_is_not_split_over_devices(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "true")
    with pytest.raises(ConfigError, match="each device must have a whole one here: set distributed_type to MULTI_GPU"):
        device.start_processes(torch.device("cpu"))
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "false")
    device.start_processes(torch.device("cpu"))

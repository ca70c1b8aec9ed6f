"""The number format of an evaluation: what a processor computes slowly is said before hours are spent on it."""

from __future__ import annotations

import logging
import os

import pytest
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType

from bio_paws.errors import ConfigError, ModelError
from bio_paws_eval.models.quantization import check_quantization
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


@pytest.mark.parametrize("way", ["DEEPSPEED", "MEGATRON_LM"])
def test_a_model_is_not_split_in_ways_that_are_not_supported(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "true")
    with pytest.raises(ConfigError, match="launch with FSDP, or set distributed_type to MULTI_GPU"):
        device.start_processes(torch.device("cpu"))
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "false")
    device.start_processes(torch.device("cpu"))


def test_a_model_is_sharded_where_accelerate_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    for version in ("1", "2"):
        monkeypatch.setenv("FSDP_VERSION", version)
        said = "launch with --fsdp_version 2" if version == "1" else "over several GPUs only"
        with pytest.raises(ConfigError, match=said):
            device.start_processes(torch.device("cpu"))
    monkeypatch.setattr(PartialState(), "distributed_type", DistributedType.MULTI_GPU)
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "true")
    device.start_processes(torch.device("cpu"))
    assert os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "false"
    with pytest.raises(ModelError, match="load_in 4bit: FSDP shards weights in float32"):
        check_quantization("4bit", torch.device("cpu"))


def test_the_number_format_is_that_of_the_options(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    device.start_processes(torch.device("cpu"))
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "no"
    assert caplog.messages == ["accelerate's mixed_precision bf16 is left aside: the number format is that of --dtype"]

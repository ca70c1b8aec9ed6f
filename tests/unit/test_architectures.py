"""Every architecture of the documented table is answered in the batches that the table says, or refused."""

from __future__ import annotations

import pytest

from architectures import COMMITTED, CONFIGS, table, table_row
from conftest import Golden

EACH_KIND = ("bert", "fnet", "gpt2", "mamba", "reformer", "t5", "xlnet")


@pytest.mark.parametrize("model_type", EACH_KIND)
def test_a_row_of_the_table_is_what_the_program_does(model_type: str) -> None:
    assert table_row(model_type) in COMMITTED.read_text().splitlines()


def test_the_table_names_each_architecture_once() -> None:
    assert [row.split("|")[1].strip() for row in COMMITTED.read_text().splitlines()[2:]] == list(CONFIGS)


@pytest.mark.soak
def test_the_table_of_architectures(golden: Golden) -> None:
    assert table() == golden("md")

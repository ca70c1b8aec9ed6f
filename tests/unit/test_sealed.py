"""Sealed files: whatever changes in one, or in its name, is found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.errors import DamagedFile
from bio_paws.execution.files import read_arrow, write_arrow
from bio_paws.execution.sealed import is_sealed, seal
from bio_paws.execution.stages import is_finished

TABLE = pa.table({"sequence": ["ACGT", "TTGA"], "start": [0, 7]})


@given(data=st.binary(max_size=64), bit=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_any_bit_breaks_the_seal(data: bytes, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sealed") / "file"
    path.write_bytes(data)
    seal(path, "file")
    assert is_sealed(path)
    changed = bytearray(path.read_bytes())
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    other = path.with_name("changed")
    other.write_bytes(changed)
    other.replace(path)
    assert not is_sealed(path)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 200])
def test_a_file_cut_short_is_not_read_and_done_again(size: int, tmp_path: Path) -> None:
    write_arrow(tmp_path / "whole.arrow", TABLE)
    assert read_arrow(tmp_path / "whole.arrow").equals(TABLE)
    path = tmp_path / "cut.arrow"
    path.write_bytes((tmp_path / "whole.arrow").read_bytes()[:size])
    with pytest.raises(DamagedFile, match=r"cut\.arrow: damaged since it was written"):
        read_arrow(path)
    assert not is_finished(path)
    assert not path.exists()


def test_a_sound_file_in_the_place_of_another_is_damage(tmp_path: Path) -> None:
    write_arrow(tmp_path / "first.arrow", TABLE)
    (tmp_path / "first.arrow").rename(tmp_path / "second.arrow")
    with pytest.raises(DamagedFile):
        read_arrow(tmp_path / "second.arrow")

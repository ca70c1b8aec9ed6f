"""A lack of memory is told from other failures, however it came about."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bio_paws.execution.memory import is_out_of_memory, reraise_if_out_of_memory


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (MemoryError(), True),
        (ImportError("x.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (pa.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"), True),
        (ImportError("No module named 'x'"), False),
        (OSError("No space left on device"), False),
    ],
)
def test_what_is_a_lack_of_memory(error: Exception, lack: bool) -> None:
    later = ValueError("bad input")
    later.__context__ = error
    error.__context__ = later  # as one that a generator is told of, and raises again
    assert is_out_of_memory(error) == is_out_of_memory(later) == lack
    if lack:
        with pytest.raises(MemoryError):
            reraise_if_out_of_memory(later)
    else:
        reraise_if_out_of_memory(later)

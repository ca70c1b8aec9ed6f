"""Alignments as runs of matches: what lies in a window of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bio_paws.build.windows import Trace

START = 40

columns = st.one_of(
    st.integers(1, 30).map(str), st.sampled_from(["AC", "GT", "-A", "C-", "T-"])
)  # runs of matches, mismatches and gaps on either side


@given(st.lists(columns, min_size=1, max_size=20), st.data())
def test_matches_of_a_window_are_those_counted_one_by_one(drawn: list[str], data: st.DataObject) -> None:
    trace_back = "1" + "".join(f"AC{column}" if column.isdigit() else column for column in drawn)
    matching: list[bool] = [True]  # of each position of the first sequence
    for column in drawn:
        if column.isdigit():
            matching += [False, *[True] * int(column)]
        elif not column.startswith("-"):
            matching.append(False)
    trace = Trace.parse(trace_back, START)
    low = data.draw(st.integers(0, len(matching) - 1))
    high = data.draw(st.integers(low + 1, len(matching)))
    window = trace.snap(START + low, START + high)
    assert (window is None) == (not any(matching[low:high]))
    if window:
        assert trace.matches(*window[:2]) == trace.matches(START + low, START + high) == sum(matching[low:high])

"""Progress: bars on a terminal, plain lines elsewhere, not more often than every half minute."""

from __future__ import annotations

from itertools import count

import pytest

from bio_paws.execution import progress as module
from bio_paws.execution.executors import CountingExecutor, InProcessExecutor
from bio_paws.execution.progress import progress, report_stage, steps


class Clock:
    starts = count(10**9, 10**6)

    def __init__(self) -> None:
        self.now = float(next(self.starts))  # after whatever was reported before

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(module, "SECONDS_PER_LINE", 30.0)
    report_stage("before")
    return clock


def test_a_log_gets_a_line_every_half_minute(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with progress(desc="configs", total=4) as bar:
        bar._time, bar.start_t = clock.monotonic, clock.now
        for seconds in (10, 15, 10, 40):
            clock.now += seconds
            bar.update()
            bar.refresh()
    assert capsys.readouterr().err.splitlines() == [
        "bio-paws: configs 3/4, 00:35, 00:11 left",
        "bio-paws: configs 4/4, 01:15, 00:00 left",
    ]


def test_what_begins_after_a_silence_is_reported_before_its_first_unit(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    clock.now += module.SECONDS_PER_LINE
    with progress(desc="search dna", total=8), progress(desc="within", total=2):
        pass
    assert capsys.readouterr().err == "bio-paws: search dna 0/8\n"


def test_a_name_forges_no_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2K\nbio-paws: 0 violations"
    for report in (report_stage, lambda name: progress(desc=name, total=8).close()):
        capsys.readouterr()
        clock.now += module.SECONDS_PER_LINE
        report(name)
        said = capsys.readouterr().err
        assert said.startswith(r"bio-paws: a\x1b[2K\nbio-paws: 0 violations") and said.count("\n") == 1


def test_a_stage_is_reported_when_nothing_was_for_a_while(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    report_stage("too soon")
    clock.now += module.SECONDS_PER_LINE
    report_stage("checks done, 31 s")
    assert capsys.readouterr().err == "bio-paws: checks done, 31 s\n"


def test_steps_are_named_as_they_begin(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with steps("publish", 3) as begin:
        for name, seconds in (("compare", 40), ("send", 10), ("merge", 40)):
            clock.now += seconds
            begin(name)
    assert [line.rpartition(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "bio-paws: publish: compare, step 1 of 3",
        "bio-paws: publish: merge, step 3 of 3",
    ]


def test_jobs_are_counted_as_they_end(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with progress(desc="search", total=0) as bar:
        executor = CountingExecutor(InProcessExecutor(), bar)
        assert [executor.submit(abs, number).result() for number in (-1, -2, -3)] == [1, 2, 3]
        assert (bar.n, bar.total) == (3, 3)


def test_what_is_short_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), desc="short")) == [0, 1, 2]
    assert capsys.readouterr().err == ""

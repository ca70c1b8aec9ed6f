"""The exit statuses that scripts rely on, each of a process of its own; all other tests call `main` in theirs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import run_program

GOLDEN = Path(__file__).parent.parent / "golden/manifest.json"
PROGRAM = (
    "import signal, sys\n"
    "from bio_paws.cli.app import main\n"
    # Whoever runs the tests may have told them to ignore both.
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    "sys.exit(main())"
)


def test_0_where_all_was_done() -> None:
    done = run_program("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "dna150" in done.stdout


def test_1_where_a_check_failed(tmp_path: Path) -> None:
    shutil.copy(GOLDEN, tmp_path)
    done = run_program("verify", tmp_path, "--workers", 1)
    assert (done.returncode, done.stderr) == (1, "")
    assert "FILE002" in done.stdout


def test_1_and_no_traceback_where_the_reader_has_gone() -> None:
    assert into_a_closed_pipe("list") == (1, "")
    assert into_a_closed_pipe("build", "--help")[1] == ""  # argparse may have dropped it: 0 or 1


def into_a_closed_pipe(*arguments: str) -> tuple[int, str]:
    """Run the program as `| true` would, once `true` has ended: return its exit status and what it says."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "bio_paws.cli", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    return done.returncode, done.stderr


def test_2_where_the_use_or_the_input_is_wrong(tmp_path: Path) -> None:
    for arguments in (("lisst",), ("list", "--colour"), ("card", tmp_path)):
        done = run_program(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("bio-paws: error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM"), (signal.SIGHUP, "ended by SIGHUP")],
)
def test_128_and_its_number_where_a_signal_ends_it(number: signal.Signals, message: str, tmp_path: Path) -> None:
    options = tmp_path / "options.yaml"
    os.mkfifo(options)
    command = [sys.executable, "-c", PROGRAM, "eval", "--config", str(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        writer = open_once_read(options, program)
        program.send_signal(number)
        said = program.communicate(timeout=60)
        os.close(writer)
    assert program.returncode == 128 + number
    assert said == ("", f"bio-paws: {message}; run the same command again to resume\n")


def open_once_read(pipe: Path, program: subprocess.Popen[str]) -> int:
    """Open a named pipe as soon as the program reads it, which then waits for what is never written."""
    while program.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            time.sleep(0.01)
    pytest.fail(f"it ended before it read {pipe}: {program.communicate()[1]}")

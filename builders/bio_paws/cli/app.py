"""The program `bio-paws`: parse the command line, run the verb, turn errors into exit statuses."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from types import MappingProxyType
from typing import Any, NoReturn

from bio_paws.cli.verbs import VERBS, Verb
from bio_paws.configs import DATA_VERSION
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.execution.memory import configure_arrow_memory, is_out_of_memory, require_address_space
from bio_paws.execution.printable import on_one_line, printable, printable_stdout
from bio_paws.execution.redaction import redacted, redacted_logs, traceback_of
from bio_paws.execution.signals import ending, number_of, signals_as_exceptions

_GROUP = "bio_paws.verbs"
"""Group of entry points that add verbs: this package must not depend on the one that evaluates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name; by default that of this process.

    Returns
    -------
    int
        Exit status: 0 done, 1 a check failed, 2 wrong use or bad input, 130 interrupted, 143 and 129 ended by SIGTERM
        and SIGHUP.
    """
    try:
        with signals_as_exceptions(), printable_stdout(sys.stdout), redacted_logs():
            return _run(arguments)
    except KeyboardInterrupt as error:
        number = number_of(error)
        print(f"bio-paws: {ending(number)}; run the same command again to resume", file=sys.stderr)
        return 128 + number


def _run(arguments: Sequence[str] | None) -> int:
    """Parse the command line and run the verb; turn errors into exit statuses."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # What is known of the options where they cannot be parsed.
    options = argparse.Namespace(debug=False, json="--json" in arguments)
    try:
        require_address_space()
        configure_arrow_memory()
        _need_unicode(arguments)
        options = _parse(arguments)
        _show_logs(logging.DEBUG if options.debug else logging.WARNING)
        status = int(options.run(options))
        sys.stdout.flush()  # here, where a closed pipe is handled, not when Python exits
        return status
    except CheckFailed as error:
        return _fail(options, str(error), status=error.exit_status, counts=error.counts, what="check failed")
    except BioPawsError as error:
        return _fail(options, str(error), error, status=error.exit_status, counts=error.counts)
    except BrokenExecutor as error:
        return _fail(options, "a worker process was killed (out of memory?): run again", error)
    except BrokenPipeError:
        _give_up_stdout()  # the reader has gone (`| head`)
        return 1
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        return _fail(options, f"{path}{error.strerror or error}", error)
    except UnicodeEncodeError as error:
        if not _is_half_character(error.object[error.start]):
            raise
        return _fail(options, f"{error.object}: not in UTF-8: rename it", error)
    except Exception as error:
        if str(error).startswith("Symlink loop"):  # as Path.resolve says it until Python 3.13
            return _fail(options, f"{error}: name what it should lead to", error)
        if is_out_of_memory(error):
            return _fail(options, "out of memory", error)
        if not options.debug:
            raise
        return _fail(options, f"{type(error).__name__}: {error}", error)


def _fail(
    options: argparse.Namespace,
    message: str,
    error: BaseException | None = None,
    *,
    status: int = 2,
    counts: Mapping[str, Any] = MappingProxyType({}),
    what: str = "error",
) -> int:
    """Print a message as one line, with ``--debug`` after the traceback of an error; return the exit status.

    With ``--json``, the message and what explains it are an object on stdout as well.
    """
    if options.debug and error is not None:
        print(printable(traceback_of(error)), file=sys.stderr)
    message = redacted(message)
    print(f"bio-paws: {what}: {on_one_line(message)}", file=sys.stderr)
    if getattr(options, "json", False):  # not all verbs have it
        try:
            print(json.dumps({"error": message, **counts}, indent=2), flush=True)
        except OSError:
            _give_up_stdout()
    return status


def _give_up_stdout() -> None:
    """Have nothing more written where it cannot be: Python flushes stdout once more at exit, which must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _PrintableFormatter(logging.Formatter):
    """Lays out a record without what a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return printable(super().format(record))


def _show_logs(level: int) -> None:
    """Show records from a level on at stderr, once in a process."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def _is_half_character(character: str) -> bool:
    """Whether it stands for a byte of a file name that is not in UTF-8."""
    return "\ud800" <= character <= "\udfff"


def _need_unicode(arguments: Sequence[str]) -> None:
    """Check that every argument is valid Unicode: Arrow takes no other file names.

    Raises
    ------
    BioPawsError
        When one is not.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise BioPawsError(f"{argument!a}: not in UTF-8: rename it, or unset PYTHONUTF8") from error


def main_eval() -> int:
    """Run `bio-paws eval`."""
    return main(["eval", *sys.argv[1:]])


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that names the help, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise BioPawsError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; of all verbs, only the one that it names has its module imported."""
    parser = _Parser(
        prog="bio-paws", description="Build, check and install the bioPAWS data set; evaluate models on it."
    )
    parser.add_argument("--debug", action="store_true", help="log every step; show tracebacks")
    version = f"%(prog)s {importlib.metadata.version('bio-paws')} (data {DATA_VERSION})"
    parser.add_argument("--version", action="version", version=version, help="show the versions of program and data")
    subparsers = parser.add_subparsers(title="verbs", required=True, dest="verb", metavar="VERB")
    # No option before the verb takes a value, so the first argument that is no option is the verb.
    used = next((argument for argument in arguments if not argument.startswith("-")), None)
    for verb in _verbs():
        subparser = subparsers.add_parser(verb.name, help=verb.help)
        if verb.name == used:
            module = importlib.import_module(verb.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    try:
        options, unknown = parser.parse_known_args(arguments)
    except SystemExit:  # --help or --version was printed
        sys.stdout.flush()
        raise
    if unknown:  # reported here, since argparse would name the help of the program instead of the verb's
        raise BioPawsError(f"unknown arguments: {' '.join(unknown)}; see {parser.prog} {options.verb} --help")
    return options


def _verbs() -> list[Verb]:
    """Return the verbs of this package, then those of the packages that register verbs as entry points."""
    return [*VERBS, *(verb for entry in importlib.metadata.entry_points(group=_GROUP) for verb in entry.load())]

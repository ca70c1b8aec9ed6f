"""The command line: `bio-paws VERB`. Exit 0 done, 1 a check failed, 2 wrong use or bad input."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

from bio_paws.cli.verbs import VERBS, Verb
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.execution.memory import configure_arrow_memory, is_out_of_memory, require_address_space

_GROUP = "bio_paws.verbs"
"""Group of entry points that add verbs: this package must not depend on the one that evaluates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    debug = False
    try:
        require_address_space()
        configure_arrow_memory()
        arguments = sys.argv[1:] if arguments is None else arguments
        _need_unicode(arguments)
        options = _parser(arguments).parse_args(arguments)
        debug = options.debug
        logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(name)s: %(message)s")
        return int(options.run(options))
    except CheckFailed as error:
        print(f"bio-paws: check failed: {error}", file=sys.stderr)
        return error.exit_status
    except BioPawsError as error:
        if debug:
            raise
        print(f"bio-paws: error: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenExecutor:
        if debug:
            raise
        print("bio-paws: error: a worker process was killed (out of memory?): run again", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough (`| head`); what Python would flush at its end must go nowhere too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"bio-paws: error: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bio-paws: stopped; run again to go on from here", file=sys.stderr)
        return 130
    except Exception as error:
        if debug or not is_out_of_memory(error):
            raise
        print("bio-paws: error: out of memory", file=sys.stderr)
        return 2


def _need_unicode(arguments: Sequence[str]) -> None:
    """See that Arrow, which takes no other names, can be told of all that is named here."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError as error:
            raise BioPawsError(f"{one!a}: not in UTF-8: give it another name, or unset PYTHONUTF8") from error


def main_eval() -> int:
    """Run `bio-paws eval`."""
    return main(["eval", *sys.argv[1:]])


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the program's parser; of all verbs, only the one that `arguments` name has its module imported."""
    parser = argparse.ArgumentParser(
        prog="bio-paws", description="Build, check and install the bioPAWS data set; evaluate models on it."
    )
    parser.add_argument("--debug", action="store_true", help="log every step; show tracebacks")
    subparsers = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    # No option before the verb takes a value, so the first argument that is no option is the verb.
    used = next((argument for argument in arguments if not argument.startswith("-")), None)
    for verb in _verbs():
        subparser = subparsers.add_parser(verb.name, help=verb.help)
        if verb.name == used:
            module = importlib.import_module(verb.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def _verbs() -> list[Verb]:
    """Return the verbs of this package and of those that register some under the entry points `_GROUP`."""
    return [*VERBS, *(verb for entry in importlib.metadata.entry_points(group=_GROUP) for verb in entry.load())]

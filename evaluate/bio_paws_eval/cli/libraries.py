"""Optional libraries that the verbs of evaluation need: a clear error without them, no chatter with them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from bio_paws.errors import BioPawsError


@contextmanager
def needed_extra(extra: str) -> Iterator[None]:
    """Report a module that cannot be imported as the extra of this package that installs it.

    Raises
    ------
    BioPawsError
        When an import inside the ``with`` block fails.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[{extra}]'") from error


def quiet_transformers(options: argparse.Namespace) -> None:
    """Keep Transformers from printing what the results contain; with ``--debug`` its warnings stay."""
    from transformers.utils import logging

    if not options.debug:
        logging.set_verbosity_error()
    logging.disable_progress_bar()

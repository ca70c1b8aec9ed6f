"""The token of the Hub in no output: one filter on all that is logged, whichever library logs it and shows it where.

Libraries log the headers of their requests, and have handlers of their own: only the making of a record is common to
all. Tracebacks show what a server answered, which may be what it was sent.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HIDDEN = "<token>"
_TOKEN = re.compile(r"(?<=Bearer )[\w.~+/=-]{8,}|\bhf_[A-Za-z0-9]{20,}")
"""What stands in a header of authorisation, and the Hub's own form of a token."""


def redacted(text: str) -> str:
    """Return a text without the Hub's token, and without anything that looks like one.

    Examples
    --------
    >>> redacted("headers {'authorization': 'Bearer abcdefghijkl'}")
    "headers {'authorization': 'Bearer <token>'}"
    """
    if token := _current_token():
        text = text.replace(token, _HIDDEN)
    return _TOKEN.sub(_HIDDEN, text)


def _current_token() -> str | None:
    """Return the token, where any code of this process can have read it."""
    if "huggingface_hub" not in sys.modules:
        return None
    with suppress(ImportError, OSError):  # still being imported; its file cannot be read
        from huggingface_hub import get_token

        return get_token()
    return None


def traceback_of(error: BaseException) -> str:
    """Lay out an error with its causes, as Python does, without the token."""
    return redacted("".join(traceback.format_exception(error)))


@contextmanager
def redacted_logs() -> Iterator[None]:
    """Leave the token out of every log record that is made in the block."""
    usual = logging.getLogRecordFactory()

    def make(*args: object, **options: object) -> logging.LogRecord:
        record = usual(*args, **options)
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit: logging would print them as they are
            message = str((record.msg, record.args))
        record.msg, record.args = redacted(message), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = traceback_of(record.exc_info[1]).rstrip("\n")
        return record

    logging.setLogRecordFactory(make)
    try:
        yield
    finally:
        logging.setLogRecordFactory(usual)

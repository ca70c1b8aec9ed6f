"""The Hub, asked patiently: again where it fails, as late as it wishes, not for ever; and the token in no output."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from huggingface_hub import HfApi, get_session, get_token, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils.tqdm import disable_progress_bars

from bio_paws.errors import BioPawsError, HubError
from bio_paws.execution.hub import MAX_BYTES_IN_MEMORY, LimitedClient, read_in_memory
from bio_paws.execution.redaction import redacted, redacted_logs

logger = logging.getLogger(__name__)

ATTEMPTS = 12
LONGEST_WAIT = 600.0  # seconds: twice the window of the Hub's rate limits
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 60.0  # seconds; doubled after each attempt
_TIMEOUT = 60.0  # seconds to connect, and seconds without a byte
_NOT_AS_EXPECTED = (LookupError, TypeError, AttributeError)
"""What huggingface_hub raises where it reads an answer of other shape, such as null."""
_FAILED_FOR_NOW = frozenset({408, 429, 500, 502, 503, 504})


class PatientClient(LimitedClient):
    """An HTTP client that repeats every request that failed for now.

    Files and answers up to `MAX_BYTES_IN_MEMORY` are read before they are sent or handed on, so that what breaks off is
    tried again whole; huggingface_hub repeats by itself what is longer.

    What changes something may so be asked for twice: whoever asks looks afterwards at what is there.

    Parameters
    ----------
    wait : callable
        Sleeps so many seconds.
    **options
        As for `httpx2.Client`.
    """

    def __init__(self, wait: Callable[[float], None] = time.sleep, **options: Any) -> None:
        super().__init__(**options)
        self._wait = wait

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request until it is answered.

        Raises
        ------
        HubError
            After `ATTEMPTS`, or when the server asks to wait longer than `LONGEST_WAIT`.
        """
        # huggingface_hub leaves many requests without any limit of time.
        limit = float(os.environ.get("BIO_PAWS_HUB_TIMEOUT", _TIMEOUT))
        request.extensions = {**request.extensions, "timeout": httpx2.Timeout(limit).as_dict()}
        if int(request.headers.get("Content-Length", 0)) > MAX_BYTES_IN_MEMORY:
            return super().send(request, stream=stream, **options)  # huggingface_hub sends a large file again itself
        request.read()  # a file would be sent from where the last attempt left it
        name = f"{request.method} {request.url.host}{request.url.path}"
        why = ""
        for attempt in range(ATTEMPTS):
            pause = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
            try:
                response = super().send(request, stream=stream, **options)
                if int(response.headers.get("Content-Length", 0)) <= MAX_BYTES_IN_MEMORY:
                    read_in_memory(response)
                if response.status_code not in _FAILED_FOR_NOW:
                    return response
                why = f"answered {response.status_code}"
                wait = asked_to_wait(response.headers)
                response.close()
            except httpx2.UnsupportedProtocol:
                raise  # it leads elsewhere than to the web, and will again
            except httpx2.TransportError as error:
                why, wait = f"{type(error).__name__}: {str(error) or 'no answer'}", None
            if wait is not None and wait > LONGEST_WAIT:
                raise HubError(f"{name}: the Hub asks to wait {wait:,.0f} s: run again then, it goes on from here")
            pause = pause if wait is None else wait
            logger.log(logging.WARNING if pause > 5 else logging.DEBUG, "%s: %s, again in %.1f s", name, why, pause)
            self._wait(pause)
        raise HubError(f"{name}: {why}, {ATTEMPTS} times: run again later, it goes on from here")


def asked_to_wait(headers: httpx2.Headers) -> float | None:
    """Return the seconds that an answer asks to wait, by its rate limit or its Retry-After; None when it does not say.

    The Hub's rate limit reads ``"api";r=0;t=55``: nothing remains for 55 s (draft-ietf-httpapi-ratelimit-headers).
    Retry-After is a number of seconds or a date (RFC 9110, 10.2.3).
    """
    limit = re.search(r";\s*r=0\s*;\s*t=(\d+)", headers.get("RateLimit", ""))
    if limit is not None:
        return float(limit[1])
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is in universal time, as all dates of HTTP.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


@contextmanager
def connected(repo_id: str) -> Iterator[HfApi]:
    """Yield the Hub's API, patient in this process while it is open; what the Hub refuses becomes one line.

    Raises
    ------
    HubError
        When nobody is logged in, the Hub refuses, or it cannot be reached.
    """
    token = get_token()
    if token is None:
        raise HubError(f"{repo_id}: not logged in to the Hub: run `hf auth login`, or set HF_TOKEN")
    if not sys.stderr.isatty():
        disable_progress_bars()
    hooks = get_session().event_hooks
    set_client_factory(lambda: PatientClient(event_hooks=hooks, follow_redirects=True))
    try:
        with redacted_logs():
            yield HfApi(token=token)
    except (HfHubHTTPError, httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        # Whoever calls this from Python prints the cause: it must not hold what the server gave back of our token.
        shown = "".join(traceback.format_exception(error))
        raise HubError(f"{repo_id}: {redacted(_reason(error))}") from (error if shown == redacted(shown) else None)
    except _NOT_AS_EXPECTED as error:
        raise HubError(f"{repo_id}: the Hub answered what it never does ({type(error).__name__}: {error})") from error
    finally:
        # Whoever looks elsewhere for what the Hub need not have is not to wait as long.
        set_client_factory(default_client_factory)


def _reason(error: BaseException) -> str:
    """Say in one line why the Hub refused, by the innermost error: threads and datasets wrap it."""
    while error.__cause__ is not None and not isinstance(error, HfHubHTTPError):
        error = error.__cause__
    if isinstance(error, BioPawsError):
        return str(error)
    text, status = str(error), ""
    if isinstance(error, HfHubHTTPError):
        text, status = error.server_message or text, f"{error.response.status_code} "
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    advice = " (log in with `hf auth login`, or set HF_TOKEN)" if status in {"401 ", "403 "} else ""
    return f"the Hub refused: {status}{lines[0] if lines else type(error).__name__}{advice}"

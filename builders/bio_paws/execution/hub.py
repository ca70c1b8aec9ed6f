"""Answers of the Hub, read with a limit on their size: an endless one ends in one line, not in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2

from bio_paws.errors import HubError

MAX_BYTES_IN_MEMORY = 100 << 20
"""Bytes of an answer that is read as a whole, or that does not say how long it is: the Hub says it of every file."""


class LimitedClient(httpx2.Client):
    """An HTTP client that reads no answer into memory, and no unannounced one at all, beyond `MAX_BYTES_IN_MEMORY`.

    Parameters
    ----------
    **options
        As for `httpx2.Client`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.event_hooks["response"].append(_limit)

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request.

        Raises
        ------
        HubError
            When the answer is too long; while its body is read, where that is left to the caller.
        """
        response = super().send(request, stream=True, **options)
        if not stream:
            try:
                read_in_memory(response)
            except BaseException:
                response.close()
                raise
        return response


def read_in_memory(response: httpx2.Response) -> None:
    """Read the body of an answer; it counts as it is after decompression.

    Raises
    ------
    HubError
        When it is longer than `MAX_BYTES_IN_MEMORY`.
    """
    if hasattr(response, "_content"):
        return
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_BYTES_IN_MEMORY:
            raise _too_long(response)
    response._content = bytes(body)  # where `Response.read`, which has no limit, leaves it


def limit_answers() -> None:
    """Have huggingface_hub, and so datasets, use a `LimitedClient` in this process, where it has the usual client."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    if _http._GLOBAL_CLIENT_FACTORY is _http.default_client_factory:
        set_client_factory(_limited_client)


def _limited_client() -> httpx2.Client:
    from huggingface_hub.utils._http import default_client_factory

    with default_client_factory() as usual:
        return LimitedClient(event_hooks=usual.event_hooks, follow_redirects=True, timeout=usual.timeout)


def _limit(response: httpx2.Response) -> None:
    """Put a limit on the body of an answer that will be read as a whole, or for as long as it comes."""
    length = response.headers.get("Content-Length", "")
    stream = response.stream
    if isinstance(stream, httpx2.SyncByteStream) and (not length.isdigit() or response.has_redirect_location):
        response.stream = _LimitedStream(stream, response)


class _LimitedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, response: httpx2.Response) -> None:
        self._stream = stream
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MAX_BYTES_IN_MEMORY:
                raise _too_long(self._response)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _too_long(response: httpx2.Response) -> HubError:
    url = response.url
    return HubError(
        f"{url.host}{url.path}: answers with over {MAX_BYTES_IN_MEMORY >> 20} MiB, so not as the Hub does: run again "
        "later"
    )

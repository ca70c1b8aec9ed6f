"""Patience with the Hub: what is asked again, how long it waits, and when it gives up."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from huggingface_hub import get_session, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import default_client_factory

from bio_paws.errors import BioPawsError, HubError
from bio_paws.execution import hub
from bio_paws.release.hub_client import ATTEMPTS, PatientClient, asked_to_wait, connected

URL = "http://hub/api/x"
Handler = Callable[[httpx2.Request], httpx2.Response]


class Broken(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"ha"
        raise httpx2.RemoteProtocolError("peer closed connection")


def client(handler: Handler) -> tuple[PatientClient, list[float]]:
    waited: list[float] = []
    return PatientClient(wait=waited.append, transport=httpx2.MockTransport(handler)), waited


def answering(*answers: httpx2.Response | Exception) -> Handler:
    """Give these answers in turn, the last one for ever."""
    left = list(answers)

    def handler(_: httpx2.Request) -> httpx2.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


@pytest.mark.parametrize(
    "failure",
    [
        *(httpx2.Response(status) for status in (408, 429, 500, 502, 503, 504)),
        httpx2.ReadError("reset"),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout(""),
        Broken(),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_failed_for_now_is_asked_again(failure: httpx2.Response | Exception | Broken, method: str) -> None:
    first = httpx2.Response(200, stream=failure) if isinstance(failure, Broken) else failure
    asking, waited = client(answering(first, httpx2.Response(200, text="here")))
    with asking:
        assert asking.request(method, URL).text == "here"
    assert waited == [0.1]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 409, 412, 501])
def test_an_answer_is_taken(status: int) -> None:
    asking, waited = client(answering(httpx2.Response(status)))
    with asking:
        assert asking.get(URL).status_code == status
    assert not waited


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    answers = (
        httpx2.Response(429, headers={"Retry-After": "7"}),
        httpx2.Response(429, headers={"RateLimit": '"api";r=0;t=55', "Retry-After": "1"}),
        httpx2.Response(503, headers={"RateLimit": '"api";r=12;t=55'}),
        httpx2.Response(200),
    )
    asking, waited = client(answering(*answers))
    with asking:
        asking.get(URL)
    assert waited == [7.0, 55.0, 0.1 * 2**2]


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < (asked_to_wait(httpx2.Headers({"Retry-After": later})) or 0) <= 90
    assert asked_to_wait(httpx2.Headers({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0
    for nonsense in ("", "soon", "-3"):
        assert asked_to_wait(httpx2.Headers({"Retry-After": nonsense})) is None


def test_it_gives_up_in_one_line() -> None:
    asking, waited = client(answering(httpx2.Response(500)))
    with asking, pytest.raises(BioPawsError, match=f"GET hub/api/x: answered 500, {ATTEMPTS} times: run again later"):
        asking.get(URL)
    assert len(waited) == ATTEMPTS
    assert max(waited) == 60
    asking, waited = client(answering(httpx2.Response(429, headers={"Retry-After": "3600"})))
    with asking, pytest.raises(BioPawsError, match="asks to wait 3,600 s"):
        asking.get(URL)
    assert not waited


def test_a_file_is_sent_whole_again() -> None:
    seen = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.read())
        return httpx2.Response(200 if len(seen) == 3 else 500)

    asking, _ = client(handler)
    with asking:
        asking.put(URL, content=io.BytesIO(b"a large file"), headers={"Content-Length": "12"})
    assert seen == [b"a large file"] * 3


def test_a_large_file_is_left_to_who_can_rewind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws.release.hub_client.MAX_BYTES_IN_MEMORY", 11)
    asking, waited = client(answering(httpx2.Response(500)))
    with asking:
        assert asking.put(URL, content=io.BytesIO(b"a large file"), headers={"Content-Length": "12"}).status_code == 500
    assert not waited


def test_no_request_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        limits.append(request.extensions["timeout"])
        return httpx2.Response(200)

    asking, _ = client(handler)
    with asking:
        asking.get(URL, timeout=None)
        monkeypatch.setenv("BIO_PAWS_HUB_TIMEOUT", "0.5")
        asking.get(URL, timeout=None)
    assert [limit["read"] for limit in limits] == [60.0, 0.5]


def test_the_token_is_in_no_log_and_no_error(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    caplog.set_level(logging.DEBUG)
    answer = httpx2.Response(400, request=httpx2.Request("GET", URL))
    with pytest.raises(BioPawsError) as refused, connected("a/b"):
        logging.getLogger("any").debug("sent %s", {"authorization": "Bearer hf_canary"})
        raise HfHubHTTPError("no hf_canary", response=answer, server_message="you sent hf_canary\nand more")
    assert str(refused.value) == "a/b: the Hub refused: 400 you sent <token>"
    assert refused.value.__cause__ is None
    assert "hf_canary" not in caplog.text
    assert "<token>" in caplog.text


def test_the_cause_is_kept_for_debug_and_the_innermost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    with pytest.raises(BioPawsError, match="a/b: GET hub: gave up") as refused, connected("a/b"):
        raise RuntimeError("Error while uploading") from BioPawsError("GET hub: gave up")
    assert isinstance(refused.value.__cause__, RuntimeError)
    assert not isinstance(get_session(), PatientClient)  # for others all is as it was


def test_nobody_is_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws.release.hub_client.get_token", lambda: None)
    with pytest.raises(BioPawsError, match="a/b: not logged in to the Hub: run `hf auth login`"), connected("a/b"):
        pass


class Endless(httpx2.SyncByteStream):
    """A body without an end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)


class Packed(httpx2.SyncByteStream):
    """A short body that is long when it is unpacked."""

    def __iter__(self) -> Iterator[bytes]:
        yield gzip.compress(bytes(2 << 20))


ENDLESS: dict[str, Callable[[], httpx2.Response]] = {
    "of no stated length": lambda: httpx2.Response(200, stream=Endless()),
    "announced": lambda: httpx2.Response(200, stream=Endless(), headers={"Content-Length": str(1 << 40)}),
    "redirect": lambda: httpx2.Response(302, stream=Endless(), headers={"Location": URL, "Content-Length": "9" * 12}),
    "error": lambda: httpx2.Response(404, stream=Endless()),
    "packed": lambda: httpx2.Response(200, stream=Packed(), headers={"Content-Encoding": "gzip"}),
    "length that is none": lambda: httpx2.Response(200, stream=Endless(), headers={"Content-Length": "-1"}),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("patient", [True, False])
def test_an_endless_answer_ends_in_one_line(kind: str, patient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_BYTES_IN_MEMORY", 1 << 20)
    options = {"transport": httpx2.MockTransport(lambda _: ENDLESS[kind]()), "follow_redirects": True}
    asking = PatientClient(wait=lambda _: None, **options) if patient else hub.LimitedClient(**options)
    with asking, pytest.raises(HubError, match="hub/api/x: answers with over 1 MiB") as refused:
        asking.get(URL)
    assert "\n" not in str(refused.value)


def test_a_stream_is_limited_only_where_it_does_not_say_how_long_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_BYTES_IN_MEMORY", 1 << 20)
    long = {"Content-Length": str(2 << 20)}
    for headers, whole in ((long, True), ({}, False)):
        stream = (bytes(1 << 16) for _ in range(32))
        transport = httpx2.MockTransport(lambda _, s=stream, h=headers: httpx2.Response(200, content=s, headers=h))
        with hub.LimitedClient(transport=transport) as asking, asking.stream("GET", URL) as response:
            if whole:
                assert sum(map(len, response.iter_bytes())) == 2 << 20
            else:
                with pytest.raises(HubError, match="over 1 MiB"):
                    list(response.iter_bytes())


def test_huggingface_hub_is_limited_once_and_no_client_of_the_user_is_replaced() -> None:
    try:
        hub.limit_answers()
        session = get_session()
        assert isinstance(session, hub.LimitedClient)
        assert session.follow_redirects
        hub.limit_answers()
        assert get_session() is session
        set_client_factory(httpx2.Client)
        hub.limit_answers()
        assert not isinstance(get_session(), hub.LimitedClient)
    finally:
        set_client_factory(default_client_factory)


@pytest.mark.parametrize("answer", [b"null", b"[]", b"3", b'"x"', b'{"tags": null}', b"", b"{", b"[null]"])
def test_an_answer_of_another_shape_is_one_line(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    with pytest.raises(BioPawsError, match=r"^a/b: ") as refused, connected("a/b") as api:
        get_session()._transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=answer))
        get_session()._mounts = {}
        api.list_repo_refs("a/b", repo_type="dataset").branches[0].ref.lower()
    assert "\n" not in str(refused.value)

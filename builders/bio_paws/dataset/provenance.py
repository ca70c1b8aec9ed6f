"""The signed statement of a release: from which sources which builder made which files. Verified offline.

An in-toto Statement v1 with an SLSA provenance v1 predicate, in a DSSE envelope, signed with Ed25519:
https://github.com/in-toto/attestation/tree/main/spec/v1, https://slsa.dev/spec/v1.0/provenance,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bio_paws.dataset.manifest import read_manifest
from bio_paws.errors import DataError, first_line
from bio_paws.execution.documents import first_fault, parse_json
from bio_paws.execution.files import json_text, sha256_of, write_json
from bio_paws_cards.manifest import Sha256

STATEMENT = "release.intoto.json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


class _Part(BaseModel):
    # The specifications allow further keys.
    model_config = ConfigDict(strict=True, extra="allow")


class _EnvelopeSignature(_Part):
    keyid: str
    sig: str


class _Envelope(_Part):
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    payload: str
    signatures: list[_EnvelopeSignature]


class _Digest(_Part):
    sha256: Sha256


class _Subject(_Part):
    name: Annotated[str, Field(min_length=1)]
    digest: _Digest


class _Statement(_Part):
    type: str = Field(alias="_type")
    subject: list[_Subject]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by its name."""
        return {subject.name: subject.digest.sha256 for subject in self.subject}


def data_files(folder: Path) -> list[str]:
    """Return the names of a data set's files but hidden ones, relative to its folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not is_hidden(path))


def is_hidden(path: Path) -> bool:
    """Whether a path, relative to the data set's folder, is hidden or below a hidden folder."""
    return any(part.startswith(".") for part in path.parts)


def statement_of(folder: Path) -> dict[str, Any]:
    """State what a data set was made of, by what, and the SHA-256 of each of its files but the statement.

    Raises
    ------
    DataError
        When it has no manifest, or a folder in it is a link, whose files would be left out.
    """
    manifest = read_manifest(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and path.is_dir() and not is_hidden(path.relative_to(folder)):
            raise DataError(f"{path}: is a link: put the folder itself in its place")
    names = [name for name in data_files(folder) if name != STATEMENT]
    sources = [
        {"name": f"{source.accession}/{file.name}", "digest": {"sha256": file.sha256}}
        for source in manifest.sources
        for file in source.files
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256_of(folder / name)}} for name in names],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:bio-paws:build:1",
                "externalParameters": manifest.arguments.model_dump() | {"version": manifest.version},
                "resolvedDependencies": sources,
            },
            "runDetails": {"builder": {"id": "pkg:pypi/bio-paws", "version": manifest.versions}},
        },
    }


def sign(folder: Path, key: Path) -> Path:
    """Write the signed statement of a data set into its folder; the same bytes for the same data and key.

    Parameters
    ----------
    folder : Path
        The data set.
    key : Path
        Ed25519 private key, PEM, without a passphrase.

    Raises
    ------
    DataError
        When the key cannot be used.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DataError(f"{key}: not a private key in PEM without a passphrase ({first_line(error)})") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise DataError(f"{key}: not an Ed25519 key: make one with openssl genpkey -algorithm ed25519")
    payload = _payload_of(folder)
    signature = _Signature(private.public_key().public_bytes_raw().hex(), private.sign(_encoded(payload)))
    path = folder / STATEMENT
    write_json(path, _envelope(payload, [signature]))
    return path


def fault_of_statement(folder: Path) -> str:
    """Say what is wrong with the statement that a data set holds, whoever signed it; "" when nothing is.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    path = folder / STATEMENT
    if not path.is_file():
        return ""
    payload, signatures = _read_envelope(path)
    if payload != _payload_of(folder):
        return "is not about these files: sign again, or remove it"
    if path.read_bytes() != json_text(_envelope(payload, signatures)).encode():
        return "is not as bio-paws writes it"
    if not signatures or not all(_signed_by_its_key(payload, signature) for signature in signatures):
        return "its signature is not that of the key that it names"
    return ""


def check_statement(path: Path, folder: Path, key: Path) -> list[str]:
    """Check a data set against a signed statement.

    Parameters
    ----------
    path : Path
        The envelope.
    folder : Path
        The data set.
    key : Path
        Ed25519 public key, PEM.

    Returns
    -------
    list of str
        What is wrong; empty when all is as it was signed.

    Raises
    ------
    DataError
        When the envelope or the key cannot be read.
    """
    payload, signatures = _read_envelope(path)
    try:
        public = load_pem_public_key(key.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise DataError(f"{key}: not a public key in PEM ({first_line(error)})") from error
    if not isinstance(public, Ed25519PublicKey):
        raise DataError(f"{key}: not an Ed25519 key")
    if not any(_signed(public, payload, signature.bytes) for signature in signatures):
        return [f"{path}: not signed with {key}: the statement was changed, or the key is another one"]
    return list(_unlike(payload, folder))


def _unlike(payload: bytes, folder: Path) -> Iterator[str]:
    """Yield what of a data set is not as a statement says."""
    stated, actual = statement_of(folder), parse_json(payload)
    signed, now = _Statement.model_validate(actual), _Statement.model_validate(stated)
    if (signed.type, signed.predicate_type) != (now.type, now.predicate_type):
        yield f"{folder}: what was signed is no statement of a data set of bio-paws"
        return
    for name in sorted({*signed.digests, *now.digests}):
        if name not in now.digests:
            yield f"{folder / name}: is missing"
        elif name not in signed.digests:
            yield f"{folder / name}: is not in the signed statement"
        elif signed.digests[name] != now.digests[name]:
            yield f"{folder / name}: is not the file that was signed"
    if signed.digests == now.digests and actual != stated:
        yield f"{folder}: the signed statement says otherwise where it comes from"


@dataclass(frozen=True)
class _Signature:
    """A signature, and the raw public key that it is said to be of, in hexadecimal digits.

    DSSE calls the key's name a hint. A whole key makes a damaged signature known to who has no key to check it with.
    """

    key: str
    bytes: bytes


def _payload_of(folder: Path) -> bytes:
    return json.dumps(statement_of(folder), sort_keys=True).encode()


def _envelope(payload: bytes, signatures: list[_Signature]) -> dict[str, Any]:
    signed = [{"keyid": signature.key, "sig": _base64(signature.bytes)} for signature in signatures]
    return {"payloadType": _PAYLOAD_TYPE, "payload": _base64(payload), "signatures": signed}


def _read_envelope(path: Path) -> tuple[bytes, list[_Signature]]:
    """Read what is signed, a statement whoever made it, and the signatures."""
    try:
        envelope = _Envelope.model_validate(parse_json(path.read_bytes()))
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [
            _Signature(signature.keyid, base64.b64decode(signature.sig, validate=True))
            for signature in envelope.signatures
        ]
        _Statement.model_validate(parse_json(payload))
    except ValidationError as error:
        raise DataError(f"{path}: not a signed statement ({first_fault(error)})") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a signed statement ({first_line(error)})") from error
    return payload, signatures


def _signed(public: Ed25519PublicKey, payload: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, _encoded(payload))
    except InvalidSignature:
        return False
    return True


def _signed_by_its_key(payload: bytes, signature: _Signature) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.key))
    except ValueError:
        return False
    return _signed(public, payload, signature.bytes) and public.public_bytes_raw().hex() == signature.key


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the type is signed with the payload."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

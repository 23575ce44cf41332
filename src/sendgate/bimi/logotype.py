"""The logotype extension of a certificate: DER -> the logos that stand in it (RFC 3709, 9399).

    LogotypeExtn ─► [2] subjectLogo ─► [0] direct ─► image ─► imageDetails
                                                                ├─ mediaType
                                                                ├─ logotypeHash  (algorithm, value)
                                                                └─ logotypeURI   data:…;base64,…

Only what a mark certificate uses is read: images of the subject that stand in the extension
itself. Nothing that a URI names is fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sendgate.bimi.svg import unpack

__all__ = ["OID", "EmbeddedLogo", "LogotypeError", "read_logotypes"]

OID = "1.3.6.1.5.5.7.1.12"  # id-pe-logotype

_SEQUENCE, _OID, _OCTETS, _IA5 = 0x30, 0x06, 0x04, 0x16
_SUBJECT, _DIRECT = 0xA2, 0xA0
_MAX_IMAGES = 16
_HASHES = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}


class LogotypeError(ValueError):
    """An extension is no logotype extension; says where it breaks."""


@dataclass(frozen=True)
class EmbeddedLogo:
    """One image of the subject: its type, the octets that its data URI holds (None: another URI).

    `hash_matches` is whether the hash beside it is that of these octets; None where the
    octets or the hash's algorithm are not known.
    """

    media_type: str
    octets: bytes | None
    hash_matches: bool | None


def read_logotypes(der: bytes) -> tuple[EmbeddedLogo, ...]:
    """Read the value of the extension; raise `LogotypeError` where it is malformed."""
    logos: list[EmbeddedLogo] = []
    for tag, info in _parts(_one(der, _SEQUENCE)):
        if tag != _SUBJECT:
            continue
        for kind, direct in _parts(info):
            if kind == _DIRECT:
                logos += _images(direct)
    return tuple(logos)


def _images(data: bytes) -> Iterator[EmbeddedLogo]:
    """Read LogotypeData: the first SEQUENCE in it lists the images."""
    images = next((body for tag, body in _parts(data) if tag == _SEQUENCE), b"")
    for number, (tag, image) in enumerate(_parts(images)):
        if number >= _MAX_IMAGES:
            raise LogotypeError(f"it lists more than {_MAX_IMAGES} images")
        if tag == _SEQUENCE:
            yield _image(_one(image, _SEQUENCE))


def _image(details: bytes) -> EmbeddedLogo:
    parts = list(_parts(details))
    if [tag for tag, _ in parts[:3]] != [_IA5, _SEQUENCE, _SEQUENCE]:
        raise LogotypeError("an image has no type, hash and address")
    (_, kind), (_, hashes), (_, uris) = parts[:3]
    uri = next((body for tag, body in _parts(uris) if tag == _IA5), b"")
    octets = _data_of(uri)
    matches = None if octets is None else _matches(hashes, octets)
    if octets is not None and matches is False:
        # The standard does not say whether a packed logo is hashed as it is or unpacked.
        plain = unpack(octets)
        matches = _matches(hashes, plain) if isinstance(plain, bytes) else False
    return EmbeddedLogo(kind.decode("latin-1").lower(), octets, matches)


def _data_of(uri: bytes) -> bytes | None:
    """Give the octets that a data URI holds (RFC 2397); None for any other URI."""
    head, comma, data = uri.partition(b",")
    if not head.lower().startswith(b"data:") or not comma:
        return None
    if not head.lower().endswith(b";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(b"".join(unquote_to_bytes(data).split()), validate=True)
    except (binascii.Error, ValueError):
        raise LogotypeError("the logo in it is not base64") from None


def _matches(hashes: bytes, octets: bytes) -> bool | None:
    known = False
    for _, pair in _parts(hashes):
        parts = list(_parts(pair))
        if [tag for tag, _ in parts] != [_SEQUENCE, _OCTETS]:
            raise LogotypeError("a hash has no algorithm and value")
        oid = next((body for tag, body in _parts(parts[0][1]) if tag == _OID), b"")
        name = _HASHES.get(oid)
        if name is not None:
            known = True
            if hashlib.new(name, octets, usedforsecurity=False).digest() != parts[1][1]:
                return False
    return True if known else None


def _one(der: bytes, tag: int) -> bytes:
    """Give the contents of the one value with this tag that `der` begins with."""
    for found, body in _parts(der):
        if found == tag:
            return body
        break
    raise LogotypeError("it does not begin as it should")


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and contents of each DER value, one behind the other (X.690 section 8.1)."""
    at = 0
    while at < len(der):
        tag, at = der[at], at + 1
        if tag & 0x1F == 0x1F or at >= len(der):
            raise LogotypeError("a value in it has no length")
        length, at = der[at], at + 1
        if length & 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4 or at + octets > len(der):
                raise LogotypeError("a length in it is wrong")
            length, at = int.from_bytes(der[at : at + octets]), at + octets
        if at + length > len(der):
            raise LogotypeError("a value in it ends too late")
        yield tag, der[at : at + length]
        at += length

"""A signer that signs whatever it is told to, by RFC 6376 and nothing of sendgate's."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

FIELDS = ("from", "to", "subject", "date", "message-id")


def relaxed(name: bytes, value: bytes) -> bytes:
    """One field in the relaxed form (section 3.4.2)."""
    text = re.sub(rb"[ \t]+", b" ", re.sub(rb"\r\n(?=[ \t])", b"", value)).strip(b" \t\r\n")
    return name.strip().lower() + b":" + text + b"\r\n"


def simple(name: bytes, value: bytes) -> bytes:
    """One field as it is (section 3.4.1)."""
    return name + b":" + value + b"\r\n"


def canonical_body(form: str, body: bytes) -> bytes:
    """The body in either form (sections 3.4.3 and 3.4.4)."""
    lines = body.split(b"\r\n")
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" \t") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    text = b"\r\n".join(lines) + b"\r\n"
    return b"" if not lines and form == "relaxed" else text


def fields_of(header: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a header: names and values, folds kept."""
    whole = re.split(rb"\r\n(?![ \t])", header)
    parts = (field.partition(b":") for field in whole if field)
    return [(name, value) for name, _, value in parts]


def sign(
    octets: bytes,
    key: Any,
    *,
    domain: str,
    selector: str,
    form: str = "relaxed/relaxed",
    names: Sequence[str] = FIELDS,
    algorithm: str = "",
    length: int | None = None,
    tags: str = "",
    fold: bytes = b"\r\n\t",
) -> bytes:
    """Put a signature on top of a message; `tags` are further ones, as they are to stand."""
    header, _, body = octets.partition(b"\r\n\r\n")
    header_form, _, body_form = form.partition("/")
    is_rsa = not isinstance(key, Ed25519PrivateKey)
    algorithm = algorithm or ("rsa-sha256" if is_rsa else "ed25519-sha256")
    digest = hashlib.sha1 if algorithm.endswith("sha1") else hashlib.sha256
    canonical = canonical_body(body_form, body)
    hashed = digest(canonical if length is None else canonical[:length]).digest()
    limit = "" if length is None else f" l={length};"
    value = (
        f" v=1; a={algorithm}; c={form}; d={domain}; s={selector};{limit}{tags}".encode()
        + fold + b"h=" + ":".join(names).encode() + b";"
        + fold + b"bh=" + base64.b64encode(hashed) + b";" + fold + b"b="
    )  # fmt: skip
    shown = relaxed if header_form == "relaxed" else simple
    left = fields_of(header)
    data = b""
    for name in names:
        at = [i for i, (one, _) in enumerate(left) if one.strip().lower().decode() == name.lower()]
        if at:
            data += shown(*left.pop(at[-1]))
    data += shown(b"DKIM-Signature", value).removesuffix(b"\r\n")
    signature = _made(key, data, algorithm)
    return b"DKIM-Signature:" + value + base64.b64encode(signature) + b"\r\n" + octets


def _made(key: Any, data: bytes, algorithm: str) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(hashlib.sha256(data).digest())
    kind = SHA1() if algorithm.endswith("sha1") else SHA256()
    octets: bytes = key.sign(data, PKCS1v15(), kind)
    return octets

"""The one place that touches dkimpy: its canonical forms and hashes, our keys and clock.

What dkimpy does well (the canonical forms and the header hash of RFC 6376 section 3.4 and
3.7, the layout of the field) is its own. Four things are not, and are put in its place:

- RSA. dkimpy's is pure Python: slow, not constant in time, and it holds the interpreter.
  `cryptography` signs instead, with keys that were loaded once. dkimpy's two functions are
  replaced once, when this adapter first loads it; given dkimpy's own kind of key they do
  as before, so that others in the process who use dkimpy notice nothing.
- White space. dkimpy's patterns for it take longer than the signature itself, and
  quadratic time for long runs of blanks. Functions with the same results replace them.
- The clock, which is the caller's.
- Reading fields: a message is read once, by `sendgate.message.record`.

dkimpy has no types, so this module speaks to it through `Any` and gives typed results.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sendgate.message.record import Field, Message
from sendgate.message.signature import Signature

__all__ = [
    "BodyHashError",
    "Checker",
    "KeyUnreadableError",
    "RsaKey",
    "compress_blanks",
    "sign_field",
    "strip_line_ends",
    "unfold",
]

_LINE_END = re.compile(rb"\r?\n")
_PIECE = 1_000_000  # octets
# dkimpy folds at spaces before column 72 and cuts a longer word in two, which no domain
# or selector survives; longer ones get a line of their own.
_LONGEST_WORD = 60
_LINE = re.compile(rb"\S[^\r]{0,60}(?=\s|\Z)")


class BodyHashError(Exception):
    """The body's hash is not the one in bh=."""


class KeyUnreadableError(Exception):
    """The public key cannot be used for this algorithm."""


class RsaKey(Protocol):
    """What signs with RSA: a private key of `cryptography`."""

    def sign(self, data: bytes, padding: Any, algorithm: Any) -> bytes:
        """Sign; here the data is a digest made before."""
        ...


@dataclass(frozen=True)
class _Loaded:
    """An RSA key on its way through dkimpy, which takes it for a PEM and then for a key."""

    key: RsaKey


@functools.cache
def _library() -> Any:
    """Import dkimpy and put our RSA and our ways with blanks into it, once in a process."""
    import dkim
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256
    from dkim import canonicalization

    library: Any = dkim
    read_pem, sign_rsa = library.parse_pem_private_key, library.RSASSA_PKCS1_v1_5_sign
    padding, prehashed = PKCS1v15(), Prehashed(SHA256())

    def read(pem: Any) -> Any:
        return pem if isinstance(pem, _Loaded) else read_pem(pem)

    def sign(hasher: Any, key: Any) -> bytes:
        if isinstance(key, _Loaded):
            return key.key.sign(hasher.digest(), padding, prehashed)
        return bytes(sign_rsa(hasher, key))

    library.parse_pem_private_key = read
    library.RSASSA_PKCS1_v1_5_sign = sign
    canonicalization.compress_whitespace = compress_blanks
    canonicalization.unfold_header_value = unfold
    canonicalization.strip_trailing_whitespace = strip_line_ends
    return library


def compress_blanks(octets: bytes) -> bytes:
    """Make one space of each run of spaces and tabs (RFC 6376 section 3.4.4)."""
    octets = octets.replace(b"\t", b" ")
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets


def unfold(value: bytes) -> bytes:
    """Take the line ends out of a field's value (RFC 6376 section 3.4.2)."""
    return value.replace(b"\r\n", b"").replace(b"\n", b"")


def strip_line_ends(octets: bytes) -> bytes:
    """Take the blanks before each CRLF away (RFC 6376 section 3.4.4)."""
    if b" \r\n" not in octets and b"\t\r\n" not in octets:
        return octets
    pieces: list[bytes] = []
    start = 0
    while start < len(octets):  # in pieces: a million short lines at once take much memory
        end = octets.find(b"\r\n", start + _PIECE)
        end = len(octets) if end < 0 else end + 2
        *lines, rest = octets[start:end].split(b"\r\n")
        pieces.append(b"\r\n".join([*(line.rstrip(b" \t") for line in lines), rest]))
        start = end
    return b"".join(pieces)


def _signer(library: Any, message: Message, now: datetime) -> Any:
    """Dkimpy's signer over this message, with the caller's clock and our layout."""
    signer = library.DKIM()
    signer.headers = _fields(message.fields, local=message.local_lines)
    signer.body = _body(message)
    generate = signer.gen_header

    def gen_header(fields: list[tuple[bytes, bytes]], *args: Any, **more: Any) -> Any:
        fields[:] = _laid_out(fields, b"%d" % now.timestamp())
        return generate(fields, *args, **more)

    signer.gen_header = gen_header
    return signer


def _laid_out(fields: list[tuple[bytes, bytes]], seconds: bytes) -> list[tuple[bytes, bytes]]:
    """Set t=, leave out i= and q=, which only repeat defaults, and save long words.

    A value that begins on a line of its own means the same, and dkimpy folds nothing before
    the last such line.
    """
    kept = {name: value for name, value in fields if name not in (b"i", b"q")}
    kept[b"t"] = seconds
    if max(len(kept[b"d"]), len(kept[b"s"])) > _LONGEST_WORD:
        lines = _LINE.findall(kept[b"h"])
        kept[b"h"] = b"\r\n ".join(lines)
        for name in (b"d", b"s", b"h", b"bh"):
            kept[name] = b"\r\n " + kept[name]
    return list(kept.items())


def _fields(fields: Iterable[Field], *, local: bool) -> list[list[bytes]]:
    """The fields as dkimpy keeps them: name and value; `local` ones get CRLF line ends."""
    found = []
    for field in fields:
        name, _, value = field.raw.partition(b":")
        if local:
            value = _LINE_END.sub(b"\r\n", value)
        found.append([name, value])
    return found


def _body(message: Message) -> bytes:
    """The body with CRLF line ends; a last line without an end gets one (section 3.4.3)."""
    body = message.body
    if message.local_lines or body.count(b"\n") != body.count(b"\r\n"):
        body = _LINE_END.sub(b"\r\n", body)
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def sign_field(
    message: Message,
    keys: Sequence[tuple[str, str, RsaKey | bytes]],
    signed: Sequence[str],
    now: datetime,
) -> bytes:
    """Make one DKIM-Signature field for each key, the first on top.

    A key is a domain, a selector, and an RSA key or the 32 octets of an Ed25519 seed;
    `signed` are the names for h=, lower case.
    """
    library = _library()
    signer = _signer(library, message, now)
    names = [name.encode("ascii") for name in signed]
    made = []
    for domain, selector, key in keys:
        is_seed = isinstance(key, bytes)
        made.append(
            signer.sign(
                selector.encode("ascii"),
                domain.encode("ascii"),
                base64.b64encode(key) if isinstance(key, bytes) else _Loaded(key),
                signature_algorithm=b"ed25519-sha256" if is_seed else b"rsa-sha256",
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=names,
            )
        )
    return b"".join(made)


class Checker:
    """Checks signatures of one message; what they share is made once."""

    def __init__(self, message: Message) -> None:
        self._message = message

    @functools.cached_property
    def _fields(self) -> list[list[bytes]]:
        return _fields(self._message.fields, local=self._message.local_lines)

    @functools.cached_property
    def _body(self) -> bytes:
        return _body(self._message)

    @functools.cached_property
    def _relaxed_body(self) -> bytes:
        policy = _library().CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
        return bytes(policy.canonicalize_body(self._body))

    def verifies(
        self,
        signature: Signature,
        key_type: str,
        key: bytes,
        fields: Sequence[Field] | None = None,
    ) -> bool:
        """Tell whether a signature over the message verifies with a public key.

        `fields` are what is signed, in this order, where h= does not say it: those that an
        ARC seal covers. The signature's syntax was found sound before; `key` are the octets
        of p=. Raises `BodyHashError` where the body differs or l= is beyond it,
        `KeyUnreadableError` where the key is no key of its type, or not of the algorithm's.
        """
        library = _library()
        checker = library.DKIM()
        checker.pk, checker.keysize, checker.ktag = _public_key(library, key_type, key)
        if checker.ktag != signature.algorithm.partition("-")[0].encode("ascii"):
            raise KeyUnreadableError(f"the key is for {key_type}")
        checker.minkey = 0  # the caller looked at the length
        checker.headers = self._fields
        names = [signed.encode("ascii") for signed in signature.signed]
        if fields is not None:
            # dkimpy takes the lowest field of a name first.
            checker.headers = _fields(reversed(fields), local=self._message.local_lines)
            names = [field.key.encode("ascii") for field in fields]
        tags = {
            tag.name.encode("ascii"): tag.value.encode("latin-1")
            for tag in signature.tags.tags
            if tag.name in {"b", "bh", "l"}
        }
        tags[b"a"] = signature.algorithm.encode("ascii")
        header_form, _, body_form = signature.canonicalization.partition("/")
        if body_form == "relaxed" and self._relaxed_body:
            # In the relaxed form already, and the simple form changes nothing more.
            checker.body, body_form = self._relaxed_body, "simple"
        else:
            checker.body = self._body if body_form != "relaxed" else b""
        tags[b"c"] = f"{header_form}/{body_form or 'simple'}".encode("ascii")
        if signature.length is not None and fields is None:
            policy = library.CanonicalizationPolicy.from_c_value(tags[b"c"])
            if signature.length > len(policy.canonicalize_body(checker.body)):
                raise BodyHashError  # RFC 6376 section 3.5
        name = signature.field.raw.partition(b":")[0]
        value = _LINE_END.sub(b"\r\n", signature.value_without_b)
        try:
            return bool(checker.verify_sig_process(tags, names, (name, value), None))
        except library.ValidationError:
            raise BodyHashError from None
        except library.DKIMException as error:
            raise KeyUnreadableError(str(error)) from None
        except ValueError:  # PyNaCl's, for what has not the length of a signature
            return False


def _public_key(library: Any, key_type: str, key: bytes) -> tuple[Any, int, bytes]:
    import binascii

    record = b"k=%s; p=%s" % (key_type.encode("ascii"), base64.b64encode(key))
    try:
        public, bits, kind, _ = library.evaluate_pk("", record)
    except (library.DKIMException, binascii.Error) as error:
        raise KeyUnreadableError(str(error)) from None
    return public, bits, kind

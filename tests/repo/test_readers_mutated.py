"""Whatever becomes of a file, its reader ends with a reading or says what is wrong."""

from __future__ import annotations

import random
from types import ModuleType

import pytest
from memory_tree import MemoryTree, read_or_refused

from sendgate.repo.readers import bind, octodns

YAML = rb"""
'': &apex
  - type: TXT
    values: [v=spf1 -all, 'v=DMARC1\; p=none', "v=DKIM1\\; p="]
  - {type: MX, values: [{preference: 10, exchange: mx}, {priority: 0, value: .}]}
base: &base {type: A, ttl: 60, value: 192.0.2.1}
merged:
  <<: [*base, {ttl: 2}]
included: !include part.yaml
dup: {type: TXT, value: a, value: b}
"*": {type: Route53Provider/ALIAS, value: {type: A, name: x}}
pool: {type: A, value: 192.0.2.1, dynamic: {pools: {one: {values: [{value: 192.0.2.2}]}}}}
caa: {type: CAA, value: {tag: issue, value: ca.example}}
"""
CONFIG = b"""
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: ., shared_filename: part.yaml}
processors: {names: {class: a.NameRejectlistFilter, rejectlist: ['/a/', b]}}
manager: {processors: [names]}
zones:
  example.com.: {sources: [config], targets: [x]}
  '*': {sources: [config], glob: '*'}
  example.net.: {alias: example.com.}
"""
ZONE = rb"""$TTL 1h
$ORIGIN example.com.
@ SOA ns1 host ( 1 2 3
 4 5 ) ; x
 NS ns1
 MX 10 mx.example.com
$INCLUDE part sub
$GENERATE 1-3/2 h${0,2,d} CNAME t$.example.net.
_dmarc TXT v=DMARC1; p=reject
@ TXT "v=spf1 " ( "a" b
  "c\"d\032" )
\052.wild A 192.0.2.9
b ALIAS foo.
"""
NAMED = (
    b'zone "example.org" { file "x/other"; };\nview "a" { zone "b.example" { file "x/other"; }; };'
)
OCTODNS = {
    "example.com.yaml": YAML,
    "part.yaml": b"p: {type: TXT, value: x}\n",
    "config.yaml": CONFIG,
}
BIND = {
    "db.example.com": ZONE,
    "part": b'@ TXT "v=spf1 -all"\n',
    "named.conf": NAMED,
    "x/other": ZONE.replace(b"$ORIGIN example.com.\n", b""),
}
PIECES = [
    b"*base", b"&a ", b"<<: ", b"!include example.com.yaml", b"null", b"[", b"{", b"}", b": ",
    b"- ", b"\n", b"'", b'"', b"\\", b" #", b"\xff", b"\x00", b"\xc3\xa9", b"\xed\xa0\x80", b"? ",
    b"1e999", b"0x", b"~", b"2001-01-01", b"!!int ", b"!!binary ", b"\t", b"@", b".", b"..", b"(",
    b")", b";", b"$ORIGIN ", b"$INCLUDE ", b"$GENERATE ", b"SOA", b"$TTL ", b"\\#", b"\\300",
    b"{{", b"\r\n", b"!", b"yes", b"-", b"9" * 30,
]  # fmt: skip


def mutated(text: bytes, chance: random.Random) -> bytes:
    """Insert, delete, repeat and overwrite a few pieces."""
    octets = bytearray(text)
    for _ in range(chance.choice([0, 1, 1, 2, 3, 8])):
        at = chance.randrange(len(octets) + 1)
        match chance.randrange(4):
            case 0:
                octets[at:at] = chance.choice(PIECES)
            case 1:
                del octets[at : at + chance.choice([1, 2, 5, 20])]
            case 2:
                begin = chance.randrange(len(octets) + 1)
                octets[at:at] = octets[begin : begin + chance.choice([3, 10, 40])]
            case _:
                octets[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(octets)


@pytest.mark.parametrize(("reader", "files"), [(octodns, OCTODNS), (bind, BIND)])
def test_no_mutation_of_a_repository_breaks_its_reader(
    reader: ModuleType, files: dict[str, bytes]
) -> None:
    """Records and slips lie in declared zones; every place is a line of a file that is there."""
    chance = random.Random(20261124)
    readings = 0
    for _ in range(400):
        tree = MemoryTree({path: mutated(text, chance) for path, text in files.items()})
        reader.detect(tree)
        readings += read_or_refused(reader.read, tree) is not None
    assert readings > 100

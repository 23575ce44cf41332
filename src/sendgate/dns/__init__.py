"""DNS as values: a `Question` goes into a `DnsSource`, an `Answer` comes out.

`answers` has the types, `source` the one-method protocol and the cache that a run uses;
`live`, `zones`, `overlay` and `recorded` are the sources, `double` the one for tests.
"""

"""SPF (RFC 7208): the record, its include tree, the evaluation, and the rules about it.

`record` and `macro` read the text, `facts` holds what was seen, `collect` asks for it,
`evaluate` is `check_host`, `rules` and its neighbours judge.
"""

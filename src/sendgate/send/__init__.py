"""The sending core: refuses what the audit refuses, loses nothing, sends nothing twice.

    campaign ─► gate ─► contacts ─► compose, sign ─► store ─► deliver ─► outcome ─► store

What decides is pure (`outcome`, `schedule`, `classify`, `gate`); what touches the world is
`store` (one SQLite file), `smtp` (one connection) and `deliver` (the loop over both).
"""

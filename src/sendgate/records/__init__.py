"""The records that mend a sender: what to publish, change and remove, each with its reason.

    facts ──► steps (keys, path, spf, dmarc) ──► Edits ──► laid over DNS ──► facts … ──► Proposal
    Proposal ──► forms ──► a master file, octoDNS, DNSControl, Terraform, Route 53

A step is a pure function of what was seen. Its edits are laid over the answers, and the
audit runs again over that, until nothing more is to be edited: so the proposal says what the
audit will say once the records are published, and never only what was hoped for.
"""

"""DNS repositories: the records they declare, with file and line, and what a change does.

    Tree ──► reader (one a format) ──► Reading ──► RepositorySource ──► audits ──► report

Nothing here runs what a repository holds.
"""

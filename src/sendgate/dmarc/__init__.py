"""DMARC (RFC 9989, 9990): records, the walk up the tree, the policy that applies, alignment."""

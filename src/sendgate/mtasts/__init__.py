"""MTA-STS: a domain's word, over HTTPS, on the TLS of its mail hosts (RFC 8461)."""

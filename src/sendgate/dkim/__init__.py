"""DKIM key records: read, asked for, judged (RFC 6376, 8301, 8463)."""

"""Where mail to a domain goes: its MX records and the hosts they name (RFC 5321, RFC 7505)."""

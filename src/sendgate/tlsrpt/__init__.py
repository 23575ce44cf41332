"""SMTP TLS Reporting (RFC 8460): the record that says where reports on TLS go."""

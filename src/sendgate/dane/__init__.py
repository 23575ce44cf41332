"""DANE for SMTP (RFC 7672): the TLSA records of mail hosts, and the DNSSEC they rest on."""

"""BIMI assertion records: read, asked for, judged; the logo and its certificate come apart."""

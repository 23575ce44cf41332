"""A second opinion: checkdmarc over the answers of an audit, in a process of its own."""

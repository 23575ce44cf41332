"""The formats of DNS repositories, one module each: `NAME`, `detect(tree)`, `read(tree)`."""

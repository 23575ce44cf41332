"""One message: read, signed, verified, judged. Nothing here sends."""

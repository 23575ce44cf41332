"""The hosts that send: their reverse DNS and the name they give in HELO."""

"""Single-use sandboxes for untrusted code, and the pool that keeps some of them warm."""

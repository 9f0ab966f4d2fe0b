"""Compression methods, one step a file; each registers itself."""

"""Benchmarks of what the product promises, one a file; each registers itself."""

"""Benchmarks that need more than the workbench's own environment."""

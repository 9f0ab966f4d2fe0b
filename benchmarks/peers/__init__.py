"""The workbench beside the peers that a user would take, on the same models.

``python -m benchmarks.peers`` measures all and prints the tables.
"""

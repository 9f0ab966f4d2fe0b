"""Exporters: from a network to a file that others run, measured after it is read back.

One exporter a file; each registers itself with `workbench.export.artifact.exporters`.
"""

"""What is compared: one module a subject, each run in its own environment.

A subject has a function ``subject(inputs)``, which makes everything that a change of
a setting does not touch, and returns its `Setting`s.
"""

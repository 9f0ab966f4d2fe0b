"""Lessons that check themselves: what a notebook asks and what it says back.

A lesson asks about a session's network. Each answer is judged by numbers measured in
that session, so it holds for whatever model the session opened. Nothing that a learner
types raises: an answer that cannot be used is said to be one.
"""

from workbench.lessons.clustering import Clustering
from workbench.lessons.factorization import Factorization
from workbench.lessons.feedback import Feedback
from workbench.lessons.pruning import Pruning
from workbench.lessons.quantization import Quantization
from workbench.lessons.structure import Structure

__all__ = [
    "Clustering",
    "Factorization",
    "Feedback",
    "Pruning",
    "Quantization",
    "Structure",
]

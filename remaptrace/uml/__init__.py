"""User-mode Linux: what a guest's page tables make UML ask of its host."""

from .run import UmlRun, replay_uml
from .sides import Sides, compare_sides

__all__ = ["Sides", "UmlRun", "compare_sides", "replay_uml"]

"""User-mode Linux: what a guest's page tables make UML ask of its host."""

from .run import UmlRun, replay_uml

__all__ = ["UmlRun", "replay_uml"]

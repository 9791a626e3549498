"""The rig, for every module here."""

from tests.support.rig import rig, rig_with_worker, rig_without_worker

__all__ = ["rig", "rig_with_worker", "rig_without_worker"]

"""The rig, for every module here."""

from tests.support.rig import bare_rig, rig, rig_with_worker, rig_without_worker

__all__ = ["bare_rig", "rig", "rig_with_worker", "rig_without_worker"]

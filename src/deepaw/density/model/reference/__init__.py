"""The gated network written with e3nn so that it reads like its equations: what everything faster is tested against."""

from deepaw.density.model.reference.network import ReferenceNetwork

__all__ = ["ReferenceNetwork"]

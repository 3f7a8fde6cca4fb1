"""The corrected sampler (DCW). On any diffusers pipeline:

from models.diffusion import enable, disable
enable(pipe, "double:low=0.05,high=0.01")
image = pipe("a lighthouse by the sea").images[0]
disable(pipe)
"""

from typing import Any

__all__ = ["disable", "enable"]


def __getattr__(name: str) -> Any:
    """Torch is loaded for the sampler, not for the torch-free records beside it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from models.diffusion import schedulers

    return getattr(schedulers, name)

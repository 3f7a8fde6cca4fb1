"""The corrected sampler (DCW). On any diffusers pipeline:

from models.diffusion import enable, disable
enable(pipe, "double:low=0.05,high=0.01")
image = pipe("a lighthouse by the sea").images[0]
disable(pipe)
"""

from models.diffusion.schedulers import disable, enable

__all__ = ["disable", "enable"]

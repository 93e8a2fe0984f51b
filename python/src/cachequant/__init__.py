"""Draws pictures with CacheQuant bundles, over ONNX Runtime and numpy.

    from cachequant import load

    load("out/bundle").generate("a photo of a red sneaker", seed=7).save("sneaker.png")
"""

from .bundle import Bundle, Step, load
from .errors import BundleError, CacheQuantError, InvalidArgumentError, NonFiniteError, UnsupportedError
from .pictures import Picture

__all__ = [
    "Bundle",
    "BundleError",
    "CacheQuantError",
    "InvalidArgumentError",
    "NonFiniteError",
    "Picture",
    "Step",
    "UnsupportedError",
    "load",
]

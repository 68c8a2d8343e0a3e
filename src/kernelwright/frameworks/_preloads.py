"""What fork servers import for a framework's children. Names only: nothing is imported here."""

from __future__ import annotations

from collections.abc import Mapping

PRELOADS: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch", "kernelwright.frameworks.torch"),
    "numpy": ("kernelwright.frameworks.numpy",),
}
# What capturing imports besides, at its first call (1.3 s for torch.export).
_CAPTURE: Mapping[str, tuple[str, ...]] = {"torch": ("torch._dynamo",)}


def reference_preloads(framework: str) -> tuple[str, ...]:
    """What the fork server of reference processes imports."""
    return (*PRELOADS.get(framework, ()), *_CAPTURE.get(framework, ()))

"""What users of MindSpore AKG import: ``MlirDriver``, and modules ``ms``, ``composite``, ``utils``.

The kernels come from Kernelwright's own compiler and are loaded in process. Errors carry the reason
(file, op, field, fix) where AKG has a stack trace or a bare False.
"""

from kernelwright.compat.akg import composite, ms, utils
from kernelwright.compat.akg.driver import MlirDriver

AkgMlirDriver = MlirDriver

__all__ = ["AkgMlirDriver", "MlirDriver", "composite", "ms", "utils"]

"""The one plugin mechanism: a plugin is a module (or folder) in a package, found by listing it.

Nothing is imported before it is asked for, so listing names never loads torch or MLIR.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Generic, TypeVar

from kernelwright.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """``Registry("backend", "kernelwright.backends", "BACKEND")`` maps module names to BACKENDs.

    Modules whose name starts with an underscore are not plugins. A plugin module must import only
    packages that the core installs; optional packages are imported inside its functions.
    """

    def __init__(self, kind: str, package: str, attribute: str) -> None:
        self.kind, self.package, self.attribute = kind, package, attribute

    def names(self) -> list[str]:
        """Sorted plugin names, without importing any plugin."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            return []
        found = pkgutil.iter_modules(spec.submodule_search_locations)
        return sorted(m.name for m in found if not m.name.startswith("_"))

    def get(self, name: str) -> T:
        """The plugin called ``name``; raises UnknownNameError with the nearest known name."""
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        module = importlib.import_module(f"{self.package}.{name}")
        plugin: T = getattr(module, self.attribute)
        return plugin

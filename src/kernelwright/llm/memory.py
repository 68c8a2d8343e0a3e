"""What endpoints were found to understand, kept between runs.

One small JSON file an endpoint and model, replaced as a whole, so that parallel processes cannot
spoil it; deleting it forgets. Entries age: a server may learn.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernelwright.llm.features import ALL
from kernelwright.llm.secret import masked, shown_url

log = logging.getLogger(__name__)
KEPT_S = 7 * 86400.0
FOLDER = "llm-endpoints"


class EndpointMemory:
    """What one model at one endpoint supports. ``folder`` None: remembered in this object only."""

    def __init__(
        self,
        endpoint: str,
        model: str,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint, self.model, self._clock = shown_url(endpoint), model, clock
        digest = hashlib.sha256(f"{self.endpoint}\0{model}".encode()).hexdigest()[:16]
        self.path = folder / FOLDER / f"{digest}.json" if folder else None
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = self._read()

    def known(self) -> dict[str, bool]:
        """Feature -> supported, for what is known and not too old."""
        oldest = self._clock() - KEPT_S
        with self._lock:
            return {f: e["supported"] for f, e in self._known.items() if e["at"] >= oldest}

    def usable(self) -> frozenset[str]:
        """The features that may be used: all that are not known to be missing."""
        known = self.known()
        return frozenset(feature for feature in ALL if known.get(feature, True))

    def confirmed(self) -> frozenset[str]:
        return frozenset(feature for feature, supported in self.known().items() if supported)

    def learn(self, feature: str, supported: bool, why: str = "") -> None:
        """Remembers; the file is written only when that is news."""
        with self._lock:
            before = self._known.get(feature)
            fresh = before is not None and before["at"] >= self._clock() - KEPT_S / 2
            if before is not None and fresh and before["supported"] is supported:
                return
            entry = {"supported": supported, "at": self._clock(), "why": masked(why)[:300]}
            # Another process may have learnt something else since.
            self._known = {**self._read(), **self._known, feature: entry}
            if not supported:
                log.info("%s at %s: no %s (%s)", self.model, self.endpoint, feature, entry["why"])
            self._write()

    def _read(self) -> dict[str, dict[str, Any]]:
        if self.path is None:
            return {}
        try:
            tree = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                f: {"supported": bool(e["supported"]), "at": float(e["at"]), "why": str(e["why"])}
                for f, e in tree["features"].items()
                if f in ALL
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is not readable (%s) and is written anew", self.path, error)
            return {}

    def _write(self) -> None:
        if self.path is None:
            return
        tree = {"endpoint": self.endpoint, "model": self.model, "features": self._known}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(tree, file, indent=1)
                os.replace(name, self.path)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            log.warning("what %s supports cannot be remembered: %s", self.model, error)

"""Which model, where, with which key: what is needed to open one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelwright.errors import UsageError
from kernelwright.llm.chat import Sampling
from kernelwright.llm.features import ALL
from kernelwright.llm.secret import Secret, shown_url


@dataclass(frozen=True)
class ModelSettings:
    """Prints without secrets; cannot be pickled while it holds one.

    ``provider``: a name of llm/providers. ``headers``, ``query``: sent with each request, secret
    like the key. ``sampling``: for requests that leave a setting open. ``without``: features never
    to be used ("tools" forces JSON actions). ``enable_think``: None leaves it to the model.
    ``idle_s``: longest silence within a reply. ``verify``: check TLS certificates.
    ``at_once``, ``per_minute``: limits on requests, 0 for none. ``options``: what the provider
    itself understands; ``client_options`` goes to the SDK's constructor as it is.
    """

    provider: str = "openai_compatible"
    model: str = ""
    base_url: str = ""
    api_key: Secret = field(default_factory=lambda: Secret(""))
    headers: Mapping[str, Secret] = field(default_factory=dict)
    query: Mapping[str, Secret] = field(default_factory=dict)
    sampling: Sampling = Sampling()
    without: frozenset[str] = frozenset()
    enable_think: bool | None = None
    timeout_s: float = 600.0
    idle_s: float = 120.0
    verify: bool = True
    at_once: int = 0
    per_minute: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    client_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strange = sorted(set(self.without) - set(ALL))
        if strange:
            raise UsageError(f"unknown features {strange} in 'without'; known: {', '.join(ALL)}")

    @property
    def endpoint(self) -> str:
        """The address for people and for records: no credentials, no query."""
        return shown_url(self.base_url) or self.provider

    @property
    def account(self) -> int:
        """Tells one key from another without giving it away."""
        digest = hashlib.sha256(self.api_key.reveal().encode()).digest()
        return int.from_bytes(digest[:4], "big")


def secrets(values: Mapping[str, str] | None) -> dict[str, Secret]:
    """Header or query values as secrets."""
    return {str(name): Secret(str(value)) for name, value in (values or {}).items()}

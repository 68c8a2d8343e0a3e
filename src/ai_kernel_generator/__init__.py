"""The reference system's import paths, so that its scripts run unchanged on Kernelwright.

As there, importing it sends log messages to standard error (AIKG_LOG_LEVEL: 0 debug, 1 info,
2 warning, 3 error; default 1), unless the program has set up logging itself.
"""

from __future__ import annotations

import logging

from kernelwright.config import log_level_from_environment


def _show_log() -> None:
    logger = logging.getLogger("kernelwright")
    if logging.getLogger().handlers or logger.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(log_level_from_environment())
    logger.propagate = False


_show_log()

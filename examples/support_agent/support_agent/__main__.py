"""`python -m support_agent` serves the agent on PORT (8080) until it is told to stop."""

from __future__ import annotations

import os
import sys

from aiohttp import web

from support_agent.config import ConfigError, from_env
from support_agent.log import Log
from support_agent.service import create_app


def main() -> int:
    """Serve. Returns the exit code: 2 when the environment cannot be understood."""
    try:
        config = from_env(os.environ)
    except ConfigError as error:
        Log("info").error("config", reason=str(error))
        return 2
    log = Log(config.log_level)
    log.info("start", port=config.port, model=config.model)
    # aiohttp turns SIGTERM into a graceful exit, which a process with id 1 would otherwise ignore.
    web.run_app(
        create_app(config, log),
        host=config.host,
        port=config.port,
        print=None,
        access_log=None,
        shutdown_timeout=2.0,
    )
    log.info("stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())

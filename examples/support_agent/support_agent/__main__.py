"""`python -m support_agent` serves the agent on PORT (8080) until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from aiohttp import web

from support_agent.config import Config, ConfigError, from_env
from support_agent.log import Log
from support_agent.service import SERVICE, create_app

# A pod is killed 30 seconds after SIGTERM unless its manifest says otherwise.
_LONGEST_FINISH_S = 25.0


def main() -> int:
    """Serve. Returns the exit code: 2 when the environment cannot be understood."""
    try:
        config = from_env(os.environ)
    except ConfigError as error:
        Log("info").error("config", reason=str(error))
        return 2
    log = Log(config.log_level)
    log.info("start", port=config.port, model=config.model, mode=config.mode, version=config.version)
    asyncio.run(serve(create_app(config, log), config))
    log.info("stop")
    return 0


async def serve(app: web.Application, config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Then say "not ready" and serve on until nobody is sent here any more, take no new
    connection, and finish what is in flight."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    finish_s = min(config.turn_timeout_s, max(_LONGEST_FINISH_S - config.drain_delay_s, 1.0))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=finish_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        await stop.wait()
        app[SERVICE].draining = True
        await asyncio.sleep(config.drain_delay_s)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())

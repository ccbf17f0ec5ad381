"""Runs in a pod: sends requests to a URL and prints what came back, a JSON line every quarter of a second. Arguments:
URL, requests a second, sessions, "new" for a connection each or "kept" for connections that are used again, and the
name of the host to ask for, "" for that of the URL. No test; the standard library and aiohttp alone."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

import aiohttp

_EVERY_S = 0.25
_TIMEOUT_S = 20.0


class Client:
    """Counts the answers of one line; what the sessions saw last it keeps."""

    def __init__(self, url: str, sessions: int, host: str) -> None:
        self._url = url
        self._host = {"Host": host} if host else {}
        self._sessions = sessions
        self._last: dict[int, str] = {}
        self._sent = 0
        self.fresh()

    def fresh(self) -> None:
        self.requests = self.moved = 0
        self.failed: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()

    async def one(self, http: aiohttp.ClientSession) -> None:
        self._sent += 1
        session = self._sent % self._sessions
        # A forged mark of a mirrored request must not reach the agent.
        headers = {"X-Session-Id": f"s-{session}", "X-Agentops-Shadow": "1", **self._host}
        body = {"messages": [{"role": "user", "content": "hello"}]}
        version, failure = "", ""
        try:
            async with http.post(self._url, json=body, headers=headers) as answer:
                await answer.read()
                version = answer.headers.get("X-Agent-Version", "nobody")
                failure = "" if answer.status == 200 else str(answer.status)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            failure = type(error).__name__
        self.requests += 1
        if failure:
            self.failed[failure] += 1
            return
        self.versions[version] += 1
        self.moved += self._last.get(session) == "canary" and version != "canary"
        self._last[session] = version


async def main(url: str, rate: int, sessions: int, *, keep: bool, host: str) -> None:
    client = Client(url, sessions, host)
    connector = aiohttp.TCPConnector(force_close=not keep, limit=0)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    started = since = time.monotonic()
    running: set[asyncio.Task[None]] = set()
    sent = 0
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        while True:
            now = time.monotonic()
            while sent < (now - started) * rate:
                sent += 1
                task = asyncio.create_task(client.one(http))
                running.add(task)
                task.add_done_callback(running.discard)
            if now - since >= _EVERY_S:
                line = {
                    "since": round(since - started, 3), "until": round(now - started, 3),
                    "requests": client.requests, "failed": client.failed, "versions": client.versions,
                    "moved": client.moved,
                }  # fmt: skip
                print(json.dumps(line), flush=True)
                client.fresh()
                since = now
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), keep=sys.argv[4] == "kept", host=sys.argv[5]))

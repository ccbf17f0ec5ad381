"""An agent for benchmarks: speaks OpenAI chat completions on loopback, says back what it is told, after a delay.

python benchmarks/echo_agent.py [--port 0] [--delay-ms 0]    prints its port, serves until it is stopped
"""

from __future__ import annotations

import argparse
import asyncio
import json

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Echo(asyncio.Protocol):
    """Just enough HTTP/1.1 for clients that send a Content-Length, keep-alive included."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _length(self.buffer[:end].lower())
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if self.delay_s:
                asyncio.get_running_loop().call_later(self.delay_s, self.answer, body)
            else:
                self.answer(body)

    def answer(self, body: bytes) -> None:
        said = json.loads(body)["messages"][-1]["content"] if body else "ready"
        message = {"role": "assistant", "content": f"you said: {said}"}
        usage = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}
        whole = {
            "id": "1", "object": "chat.completion", "created": 1, "model": "echo", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }  # fmt: skip
        raw = json.dumps(whole).encode()
        self.transport.write(HEAD % len(raw) + raw)


def _length(head: bytes) -> int:
    at = head.find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve(port: int, delay_s: float) -> None:
    """Serve for ever; the port is printed once it is open."""
    server = await asyncio.get_running_loop().create_server(lambda: Echo(delay_s), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.delay_ms / 1000))

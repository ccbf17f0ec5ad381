"""A judge model on loopback that the tests make say what they want, and a session with it."""

import asyncio
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agentops.evals.metrics import judge
from agentops.evals.metrics.judge import worker as judge_worker
from agentops.model.case import Answer, Assertion, Turn
from agentops.model.seen import Seen
from agentops.model.settings import Judge

KEY = "sk-judge-key"


class FakeJudge:
    """Chat completions on loopback. `brain` makes of the prompt the model's text, or (status, headers, body)."""

    def __init__(self, brain, *, usage=None):
        self.brain = brain
        self.usage = usage
        self.bodies = []
        self.headers = []

    def __enter__(self):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.bodies.append(body)
                fake.headers.append((self.path, dict(self.headers)))
                said = fake.brain(body["messages"][-1]["content"])
                if isinstance(said, str):
                    message = {"choices": [{"message": {"role": "assistant", "content": said}}], "model": "fake-2"}
                    if fake.usage:
                        message["usage"] = fake.usage
                    said = (200, {}, json.dumps(message))
                status, headers, text = said
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the caller was stopped meanwhile
                    self.wfile.write(text.encode())

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def prompts(self):
        return [body["messages"][-1]["content"] for body in self.bodies]

    def client(self, **given):
        return judge_worker.Endpoint(
            **({"model": "judge-1", "base_url": self.url, "api_key": KEY, "timeout_s": 5.0} | given)
        )

    def endpoint(self, **given):
        return judge.JudgeEndpoint(
            **({"model": "judge-1", "base_url": self.url, "api_key": KEY, "timeout_s": 20.0} | given)
        )


def seen(output, *, question="a question?", tools=None):
    """A conversation of one turn; of several where both are lists."""
    questions, outputs = ([question], [output]) if isinstance(output, str) else (question, output)
    return Seen(tuple(Turn(q) for q in questions), tuple(Answer(o, tool_calls=tools) for o in outputs))


def ask_all(requests, endpoint, *, out, settings=None, cancel=None, **given):
    """Scores of (params, seen) or (assertion, seen), all at once through one session."""
    asked = [(a if isinstance(a, Assertion) else Assertion("judge", a), s) for a, s in requests]

    async def run():
        opened = judge.open_session(
            settings or Judge(), endpoint, out=Path(out), cancel=cancel or threading.Event(), **given
        )
        async with opened as session:
            return await asyncio.gather(*(session(a, s) for a, s in asked))

    return asyncio.run(run())


def evidence(out):
    return [json.loads(line) for line in (Path(out) / "judge.jsonl").read_text().splitlines()]

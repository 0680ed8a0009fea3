"""Stand-ins that test_launcher.py runs: `launcher PORT BEHAVIOUR`, `api PORT BEHAVIOUR`, `worker PORT BEHAVIOUR`.

A behaviour that is a path makes the first start of the worker crash; the file at the path counts its starts.
"""

import signal
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NoReturn

from service import logs
from service.config import Settings
from service.launcher import Launcher


def run_launcher(port: str, behaviour: str) -> int:
    commands = {name: (sys.executable, "-m", __spec__.name, name, port, behaviour) for name in ("api", "worker")}
    settings = Settings(port=int(port), start_attempts=2)
    logs.configure(settings, "launcher")
    return Launcher(settings, commands).run()


def run_part(name: str, port: str, behaviour: str) -> None:
    def end(signal_number: int, frame: object) -> None:
        if behaviour == "stubborn":
            print(f"{name} was asked to end", file=sys.stderr, flush=True)
            return
        print(f"{name} ended cleanly", file=sys.stderr, flush=True)
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    if name == "worker" and counts_starts(behaviour):
        with open(behaviour, "a") as file:
            file.write("x")
    if name == "worker" and (behaviour == "broken" or starts(behaviour) == 1):
        raise SystemExit(3)
    if name == "api":
        answer_readyz(int(port), lambda: is_ready(behaviour))
    while True:
        signal.pause()


def is_ready(behaviour: str) -> bool:
    return starts(behaviour) > 1 if counts_starts(behaviour) else behaviour not in ("never-ready", "broken")


def counts_starts(behaviour: str) -> bool:
    return behaviour.startswith("/")


def starts(behaviour: str) -> int:
    return Path(behaviour).stat().st_size if Path(behaviour).exists() else 0


def answer_readyz(port: int, ready: Callable[[], bool]) -> NoReturn:
    class Readyz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = "ready" if ready() else "starting"
            body = f'{{"status": "ready", "parts": {{"workers": {{"status": "{status}"}}}}}}'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The tests read standard error; requests don't belong in it."""

    HTTPServer(("127.0.0.1", port), Readyz).serve_forever()
    raise AssertionError("serve_forever returned")


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    if role == "launcher":
        sys.exit(run_launcher(*arguments))
    run_part(role, *arguments)

"""nginx as deploy/compose/scale.yml configures it, in front of ports of this machine instead of Docker's names."""

import getpass
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import requests

from tests.running_service import ROOT, free_port, wait_for

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
"""The program; None if it isn't installed."""
CONFIGURATION = ROOT / "deploy" / "compose" / "scale" / "nginx.conf"
SERVER = "server api:8000 resolve max_fails=1 fail_timeout=2s;"
END_SECONDS = 15


class NginxProxy:
    """Runs during the block, and listens at `url`. `apis` are the ports to which it sends requests."""

    def __init__(self, folder: Path, apis: Sequence[int]) -> None:
        self._folder = folder
        self._file = folder / "nginx.conf"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._configure(apis)

    def __enter__(self) -> Self:
        command = [str(NGINX), "-p", str(self._folder), "-c", str(self._file), "-e", "stderr"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tested.returncode == 0, tested.stderr
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(self._listens, what="nginx to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(END_SECONDS)

    def reload(self, apis: Sequence[int]) -> None:
        """Send the requests from now on to these ports. Those in progress continue."""
        self._configure(apis)
        self._process.send_signal(signal.SIGHUP)

    def _configure(self, apis: Sequence[int]) -> None:
        text = CONFIGURATION.read_text()
        servers = "\n".join(SERVER.replace("api:8000 resolve", f"127.0.0.1:{api}") for api in apis)
        listen = f"listen 127.0.0.1:{self._port};"
        for theirs, ours in ((SERVER, servers), ("listen 8080;", listen), ("/tmp/", f"{self._folder}/")):
            assert theirs in text
            text = text.replace(theirs, ours)
        self._file.write_text(f"daemon off;\nuser {getpass.getuser()};\n{text}")

    def _listens(self) -> bool:
        try:
            return requests.get(f"{self.url}/metrics", timeout=5).status_code == 404
        except requests.ConnectionError:
            return False

"""A process that has imported the gateway and forks a fresh one as often as it is asked: a start costs a fork.

The upstream is forked here too; it uses nothing of the gateway.

    python -m tests.faults.zygote

It reads lines of JSON, ``{"log", "config", "state_dir"}`` or ``{"log", "port", "record"}``, and answers each with the
new process's id. What a fork runs is ``farebox serve``, from its settings on, or the upstream.
"""

import ctypes
import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from config.loader import load_settings
from gateway.serve import serve
from metering.counter import TokenCounter
from tests.faults.upstream import serve_upstream

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork until stdin ends."""
    with tempfile.TemporaryDirectory() as folder:
        TokenCounter(Path(folder), 0).warm("o200k_base")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps; who asked watches the process itself
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            run(json.loads(line))
        print(pid, flush=True)  # noqa: T201 - the answer


def run(order: dict[str, str]) -> None:
    """Be a gateway."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if "record" in order:
            serve_upstream(int(order["port"]), Path(order["record"]))
        else:
            reread = partial(load_settings, Path(order["config"]), {}, {"state_dir": order["state_dir"]})
            serve(reread(), reread)
        status = 0
    except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
        os.write(2, f"{error!r}\n".encode())
    os._exit(status)


if __name__ == "__main__":
    main()

"""A server process: started on a free port, watched, and always killed."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent
IS_REFERENCE = os.environ.get("SUT") == "reference"

LISTENING = re.compile(r"listening on (?:http://)?(127\.0\.0\.1:\d+)")
COMPLAINT = re.compile(r"\b(?:WARN|ERROR|panicked|Unhandled|Uncaught|[a-z]*Error:)")


class ServerProcess:
    """One running conformance server, and what it has printed."""

    def __init__(self, mode, *options):
        self.lines = []
        self._said = threading.Condition()
        command = [*_with_parent(), *_program(), "--mode", mode, "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = "http://" + self.wait_for(LISTENING, 20).group(1)

    def wait_for(self, pattern, seconds=8):
        """The first match in what it prints, now or soon."""
        pattern = re.compile(pattern)

        def find():
            return next(filter(None, map(pattern.search, self.lines)), None)

        with self._said:
            assert self._said.wait_for(find, seconds), f"no {pattern.pattern} in {self.lines}"
            return find()

    def assert_quiet(self):
        """Fails if it has complained, or ended."""
        complaints = [it for it in self.lines if COMPLAINT.search(it)]
        assert complaints == [], "the server's log has lines that no test announced"
        assert self.process.poll() is None, f"the server has ended by itself: {self.lines}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self):
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()


def _program():
    if IS_REFERENCE:
        return ["node", str(E2E / "reference/server.mjs")]
    folder = os.environ.get("SWITCHBOARD_EXAMPLES_BIN", str(E2E.parent / "target/debug"))
    return [str(Path(folder) / "conformance")]


def _with_parent():
    """If this process dies without a last word, the kernel ends the server too."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv and sys.platform == "linux" else []

"""Our two ends, as processes of `examples/autobahn`: always ended, and never silent about trouble."""

import asyncio
import re
import shutil
import signal
import sys

LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
COMPLAINT = re.compile(r"\b(?:WARN|ERROR|panicked)\b")


class EndedEarly(Exception):
    """Our end has ended without doing what it should."""


class Process:
    """One running end, and what it has printed. An `async with` ends it."""

    def __init__(self, program, *args):
        self._command = [*_with_parent(), program, *args]
        self.lines = []
        self._said = asyncio.Condition()

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: asyncio.ensure_future(self._notify()))
        return self

    async def __aexit__(self, *_error):
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def address(self, seconds=20):
        """Where it listens."""

        def find():
            return next(filter(None, map(LISTENING.search, self.lines)), None)

        async with asyncio.timeout(seconds), self._said:
            await self._said.wait_for(lambda: find() or self._reader.done())
            if (found := find()) is None:
                raise EndedEarly(f"it never listened; it said {self.lines}")
            return found.group(1)

    async def stopped(self, seconds=20):
        """Asks it to end, and gives its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await self.ended(seconds)

    async def ended(self, seconds=None):
        """Waits for its end, and gives its exit code."""
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
            await self._reader
            return code

    def is_running(self):
        return self._process.returncode is None

    def complaints(self):
        return [line for line in self.lines if COMPLAINT.search(line)]

    async def _notify(self):
        async with self._said:
            self._said.notify_all()

    async def _read(self):
        async for line in self._process.stdout:
            async with self._said:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._said.notify_all()


def _with_parent():
    """If this process dies without a last word, the kernel ends the other too."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv and sys.platform == "linux" else []

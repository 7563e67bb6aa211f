"""The dials of `serve`."""

import ipaddress
from dataclasses import dataclass

from echodfkd.engine import cores
from echodfkd.errors import InputError


@dataclass(frozen=True)
class Dials:
    """What a server does and how much it takes. By choice: every usual clip, and nothing that stops a machine."""

    host: str = "127.0.0.1"
    """The address that it listens on. One that other machines reach demands a token."""
    port: int = 8017
    """0: one that is free."""
    token: str = ""
    """What must be told before anything is shown; made up where one is demanded and none is given."""
    models: tuple[str, ...] = ()
    """Folders, graphs or bundled names, the first by default; empty: all bundled ones that run here."""
    upload_mb: int = 200
    """Most megabytes of one file."""
    uploads: int = 8
    """Files taken at the same time; who comes then is told to wait."""
    frames: int = 3000
    """Most frames of one clip: a minute at 50 per second."""
    pixels: int = 1_000_000_000
    """Most pixels of all its frames together."""
    seconds: int = 120
    """That a clip may take its worker; then it is stopped."""
    waiting: int = 32
    """Clips that may wait for a worker; who comes then is told to come again."""
    kept: int = 200
    """Clips that are kept at the same time."""
    minutes: int = 60
    """After which a clip that nobody asked for is deleted."""
    memory_mb: int = 8192
    """Most megabytes of addresses that a worker may ask for."""
    workers: int = 0
    """Processes that segment; 0: one for each processor."""

    def __post_init__(self) -> None:
        least = {"port": 0, "workers": 0}
        for name in ("port", "upload_mb", "uploads", "frames", "pixels", "seconds", "waiting", "kept", "minutes"):
            if getattr(self, name) < least.get(name, 1):
                raise InputError(f"serve: {name} must be at least {least.get(name, 1)}, got {getattr(self, name)}.")
        if self.port > 65535:
            raise InputError(f"serve: a port is a number up to 65535, got {self.port}.")
        if self.memory_mb < 1024 or self.workers < 0:
            raise InputError(
                f"serve: memory_mb must be at least 1024 and workers at least 0, got {self.memory_mb}, {self.workers}."
            )
        if self.token and (len(self.token) < 12 or not self.token.isascii() or not self.token.isprintable()):
            raise InputError("serve: a token needs 12 or more printable ASCII characters. Leave it out to get one.")

    @property
    def processes(self) -> int:
        """How many segment."""
        return self.workers or cores()

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host's name or number is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

"""The socket of a server and the lock that makes it the only one of its name."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
from types import FrameType

from gradtop.trainer.socket_directory import open_directory

BACKLOG = 64


class Listener:
    """`NAME.socket` in the server directory, and `NAME.lock`, held for life, which says which process it is and its state.

    `messages`: what is sent comes whole or not at all.
    """

    def __init__(self, directory: int, name: str, *, messages: bool = False) -> None:
        self.name = name
        self._kind = socket.SOCK_SEQPACKET if messages else socket.SOCK_STREAM
        self._directory = directory
        self._lock = -1
        self._inode = 0
        self.socket = self._new_socket()

    def _new_socket(self) -> socket.socket:
        return socket.socket(socket.AF_UNIX, self._kind | socket.SOCK_CLOEXEC)

    @property
    def listens(self) -> bool:
        """Whether there is a socket to accept connections from."""
        return self._inode != 0 and self._lock >= 0

    def claim(self) -> bool:
        """Be the server of this name, before it listens; False where another one is. Raises OSError."""
        lock = self._take_lock()
        if lock is None:
            return False
        self._lock = lock
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.name}.socket", dir_fd=self._directory)  # of one that was killed
        self.record("importing")
        return True

    def listen(self) -> bool:
        """False where another server of this name does, or is about to. Raises OSError."""
        if self._lock < 0 and not self.claim():
            return False
        self._bind()
        self._retire_others()
        self._remove_leftovers()
        return True

    def record(self, state: str) -> None:
        os.pwrite(self._lock, f"{os.getpid()} {state}\n".ljust(40).encode(), 0)

    def restore(self) -> bool:
        """Listen anew where the socket was taken away, as at a logout, which clears XDG_RUNTIME_DIR; False where another server does."""
        if self._present():
            return True
        try:
            directory = open_directory(create=True)
        except OSError:
            return True  # perhaps at the next login
        old = (self.socket, self._lock, self._directory)
        self._directory = directory
        lock = self._take_lock()
        if lock is None:
            self._directory = old[2]
            os.close(directory)
            return False
        self._lock = lock
        self.socket = self._new_socket()
        self._bind()
        self.record("ready")
        old[0].close()
        for descriptor in old[1:]:
            os.close(descriptor)
        return True

    def _present(self) -> bool:
        try:
            found = os.stat(f"{self.name}.socket", dir_fd=self._directory)
        except OSError:
            return False
        return found.st_ino == self._inode

    def close(self) -> None:
        """Stop listening; what has connected before is still to be accepted."""
        if self._present():
            with contextlib.suppress(OSError):
                os.unlink(f"{self.name}.socket", dir_fd=self._directory)

    def release(self) -> None:
        """Let another server take the name."""
        if self._lock < 0:
            return
        for suffix in ("log", "lock"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self.name}.{suffix}", dir_fd=self._directory)
        self.close_descriptors()

    def release_when_terminated(self) -> None:
        """From here on SIGTERM ends this process as it does any other, once its files are gone; what it has forked goes on."""

        def leave(number: int, _frame: FrameType | None) -> None:
            self.close()
            self.release()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, leave)

    def close_descriptors(self) -> None:
        """In a forked process: the server keeps its own."""
        self.socket.close()
        for descriptor in (self._lock, self._directory):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._lock = -1

    def _take_lock(self) -> int | None:
        while True:
            path = f"{self.name}.lock"
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._directory)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return None
            # A server that ended meanwhile has taken its file away: a lock on that is a lock on nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path, dir_fd=self._directory).st_ino == os.fstat(lock).st_ino:
                    return lock
            os.close(lock)

    def _bind(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.name}.socket", dir_fd=self._directory)
        # By the descriptor: the path may be longer than the 108 bytes of an address.
        self.socket.bind(f"/proc/self/fd/{self._directory}/{self.name}.socket")
        self._inode = os.stat(f"{self.name}.socket", dir_fd=self._directory).st_ino
        self.socket.listen(BACKLOG)
        self.socket.setblocking(False)

    def _retire_others(self) -> None:
        """Servers of the same environment from before gradtop or torch changed: nobody will ask them for anything again."""
        environment = self.name.partition("-")[0]
        for name in os.listdir(self._directory):  # noqa: PTH208 - of a descriptor
            if not name.startswith(f"{environment}-") or not name.endswith(".socket") or name == f"{self.name}.socket":
                continue
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as other:
                other.settimeout(0.1)
                try:
                    other.connect(f"/proc/self/fd/{self._directory}/{name}")
                    other.sendall(json.dumps({"kind": "retire"}).encode() + b"\n")
                except OSError:
                    continue  # its server is busy, or was killed

    def _remove_leftovers(self) -> None:
        """What servers of any environment have left that were killed: nobody holds their lock."""
        for path in os.listdir(self._directory):  # noqa: PTH208 - of a descriptor
            name, _, suffix = path.rpartition(".")
            if suffix != "lock" or name == self.name:
                continue
            with contextlib.suppress(OSError):
                lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    for each in ("socket", "log", "lock"):
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(f"{name}.{each}", dir_fd=self._directory)
                finally:
                    os.close(lock)

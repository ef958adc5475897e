"""What servers of a deployment ask of a lookup server."""

from abc import ABC, abstractmethod
from pathlib import Path

from private_presence.protocol.epochs import Kind

__all__ = ["Peers"]


class Peers(ABC):
    """The lookup servers as their peers see them, by number from 0.

    Every call may be repeated; the answer is the same.  A server that is away raises
    `PeerError`, which is worth a retry; any other `PresenceError` is its refusal, which
    is not.
    """

    @abstractmethod
    async def commitment(self, server: int, kind: Kind, epoch: int) -> bytes:
        """Ask for the signed commitment to a part of the salt.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int

        Returns
        -------
        bytes
            96: SHA-256 of the part, signature.
        """

    @abstractmethod
    async def push_raw(
        self, server: int, kind: Kind, epoch: int, signature: bytes, raw: Path
    ) -> None:
        """Hand over the frozen records.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int
        signature : bytes, 64
            R's, over the hash of the file.
        raw : Path
        """

    @abstractmethod
    async def opening(
        self, server: int, kind: Kind, epoch: int, raw_hash: bytes
    ) -> bytes:
        """Ask to open the part of the salt, for one raw file.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int
        raw_hash : bytes, 32

        Returns
        -------
        bytes
            128: part, raw hash, signature.
        """

    @abstractmethod
    async def countersign(
        self, server: int, kind: Kind, epoch: int, signature: bytes, manifest: bytes
    ) -> bytes:
        """Ask for the signature of a manifest.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int
        signature : bytes, 64
            R's, without which no server looks at it.
        manifest : bytes

        Returns
        -------
        bytes
            64.
        """

    @abstractmethod
    async def manifest_hash(self, server: int, kind: Kind, epoch: int) -> bytes:
        """Ask which manifest a server has signed for a table.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int

        Returns
        -------
        bytes
            32, or none if it has signed none.
        """

    @abstractmethod
    async def newest(self, server: int, kind: Kind) -> bytes:
        """Ask for the manifest of a kind that a server published last.

        Parameters
        ----------
        server : int
        kind : Kind

        Returns
        -------
        bytes
            Its epoch, four bytes, and itself with all signatures; or none.
        """

    @abstractmethod
    async def publish(self, server: int, kind: Kind, epoch: int, signed: bytes) -> None:
        """Hand over the manifest with everybody's signature, to be served.

        Parameters
        ----------
        server : int
        kind : Kind
        epoch : int
        signed : bytes
        """

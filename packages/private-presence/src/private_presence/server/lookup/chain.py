"""The history of manifests that one server stands for, one for each kind (F10).

Every manifest names its predecessor.  A server signs and publishes along one line only:
two manifests with the same predecessor cannot both be published here.
"""

from dataclasses import dataclass, replace

from private_presence.errors import ReplayError, VerificationError

__all__ = ["Chain"]

KEPT = 64  # hashes of each list; a late copy of an older manifest is not served anew


@dataclass(frozen=True)
class Chain:
    """What a server remembers of a kind's history.

    Parameters
    ----------
    retired : int
        Epochs up to this one were given up: no promise is made for them again, even
        if the clock goes back.
    line : tuple of bytes
        Hashes of published manifests and of those they name, the last one newest.
    newest : int
        Epoch of the last one on the line.
    last : bytes
        That one with all signatures, also after its table is gone: a registrar that
        was restored from a copy asks for it.
    signed : tuple of bytes
        Hashes countersigned since then: the next manifest may follow one of them,
        because a push that this server missed does not stop the others.

    Examples
    --------
    >>> one, two, fork = b"1" * 32, b"2" * 32, b"3" * 32
    >>> chain = Chain().sign(one, bytes(32)).publish(one, bytes(32), 7, b"")
    >>> chain.publish(one, bytes(32), 7, b"") == chain
    True
    >>> chain.sign(two, one).publish(two, one, 8, b"").sign(fork, one)
    Traceback (most recent call last):
        ...
    private_presence.errors.VerificationError: a manifest does not follow ...
    """

    retired: int = 0
    line: tuple[bytes, ...] = ()
    newest: int = 0
    last: bytes = b""
    signed: tuple[bytes, ...] = ()
    version: int = 1

    def sign(self, digest: bytes, previous: bytes) -> "Chain":
        """Note a manifest before it is countersigned.

        Parameters
        ----------
        digest : bytes, 32
        previous : bytes, 32
            Its predecessor's hash.

        Returns
        -------
        Chain

        Raises
        ------
        VerificationError
            If it does not follow what this server published or signed.
        """
        if digest in self.signed or digest in self.line:
            return self
        if not self.follows(previous):
            raise VerificationError(
                "a manifest does not follow the last one of this server: refuse it"
            )
        return replace(self, signed=(*self.signed, digest)[-KEPT:])

    def follows(self, previous: bytes) -> bool:
        """Say whether a manifest with this predecessor may come next.

        Parameters
        ----------
        previous : bytes, 32

        Returns
        -------
        bool
            A server that remembers nothing believes the first manifest it sees: all
            others must have signed it too.
        """
        return not self.line or previous == self.line[-1] or previous in self.signed

    def publish(
        self, digest: bytes, previous: bytes, epoch: int, last: bytes
    ) -> "Chain":
        """Put a manifest on the line, before it is served; the same when repeated.

        Parameters
        ----------
        digest : bytes, 32
        previous : bytes, 32
        epoch : int
            Of the table.
        last : bytes
            The manifest with all signatures.

        Returns
        -------
        Chain

        Raises
        ------
        ReplayError
            If another one with this predecessor is on the line.
        """
        if digest in self.line:
            return self
        if not self.follows(previous):
            raise ReplayError(
                "another manifest was published in this place: refuse this one"
            )
        line = self.line if previous in self.line else (*self.line, previous)
        gone = (digest, previous)
        signed = tuple(item for item in self.signed if item not in gone)
        line = (*line, digest)[-KEPT:]
        return replace(self, line=line, newest=epoch, last=last, signed=signed)

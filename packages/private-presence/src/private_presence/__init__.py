"""Private presence: friends learn that you are online, and nobody else does.

The protocol is a library without sockets and without a clock: `primitives` (the group,
broadcast encryption, blinded signatures, tokens), `protocol` (records, messages, client
and servers as pure state machines) and `pir` (private lookups).  THREAT_MODEL.md says
what it promises, against whom, and which test shows it.

Examples
--------
>>> import private_presence
>>> private_presence.__version__
'0.1.0'
"""

__version__ = "0.1.0"

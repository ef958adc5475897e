"""The cryptography: curve, broadcast encryption, blinded keys, ratchets, tokens.

Nothing here knows of messages, epochs' windows or servers.  Time never enters, and
randomness is an argument.  Import the module you need; this package imports none, so
that a lookup server does not load a pairing library.
"""

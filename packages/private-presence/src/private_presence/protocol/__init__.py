"""The protocol without sockets and without a clock: bytes in, bytes out.

States are frozen dataclasses, steps are functions from a state to the next one, time
and randomness are arguments.  A step that produces something to send puts it into the
state; only a state that was saved gives it out (`store.Saved`).
"""

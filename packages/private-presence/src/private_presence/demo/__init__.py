"""``presence demo``: three people and all servers of a deployment on one machine.

Everything is as in earnest, over TLS sockets and through a relay, except that an epoch
is over in seconds and one person plays all operators.
"""

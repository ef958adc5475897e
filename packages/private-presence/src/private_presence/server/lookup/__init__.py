"""A lookup (PIR) server without its sockets: promises, tables, answers.

`shelf` keeps on disk; `promises` and `publishing` are what R and the other servers ask;
`tables` holds encoded tables in shared memory; `workers` compute; `answering` takes
queries; `server` joins them.
"""

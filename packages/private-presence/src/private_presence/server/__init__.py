"""The servers' side of a deployment: so far, the table of what they answer.

No server process exists yet; `endpoints` is the interface that both sides are to be
written against.
"""

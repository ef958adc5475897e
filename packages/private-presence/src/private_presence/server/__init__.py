"""The servers' side of a deployment: so far, endpoint table and signed answers.

No server process exists yet; `endpoints` is the interface that both sides are to be
written against.
"""

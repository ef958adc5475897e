"""HTTP and TLS around a `Service`: limits, listeners, certificates, the operator page.

Needs the server libraries (starlette, granian), except `tls`, which clients use too.
"""

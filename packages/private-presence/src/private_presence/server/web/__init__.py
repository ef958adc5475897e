"""HTTP and TLS around a `Service`: limits, listeners, certificates, the operator page.

Needs the server libraries (starlette, granian, cryptography); nothing that a client
imports comes from here.
"""

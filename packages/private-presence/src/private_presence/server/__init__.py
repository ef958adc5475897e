"""The servers of a deployment: registrar, lookup servers, relay.

`endpoints` says what they answer, `service` what they are without sockets; `registrar`
and `lookup` are the two services, `storage` the registrar's memory, `web` HTTP and TLS.
"""

"""Grid's v1 wire format: the JSON that server and client exchange, described once, and the way to and from it.

Field names and types are Grid's (camelCase, 64-bit integers as strings, times in RFC 3339); what Grid's API lacks
is added beside it in the same style. The types are TypedDicts: the server makes its OpenAPI of them, the client
imports nothing more.
"""

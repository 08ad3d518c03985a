"""Grid's v1 wire format: the JSON between server and client, described once, and the conversions to and from it.

Field names and types are Grid's: camelCase, 64-bit integers as strings, times in RFC 3339. Additions to Grid's API have
the same style. The types are TypedDicts: the server derives its OpenAPI document from them, and the client needs no
other library.
"""

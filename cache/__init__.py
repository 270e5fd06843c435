"""The cache: get-or-load for opaque keys and bytes, with two tiers, one flight a key, and a Redis that may fail.

Contract: what is got is what a fresh load would have given, as long as the key says what is asked and the judge of
whoever asks is right about what was kept; entries leave by age or by eviction. A backend in trouble costs latency,
never an answer. Reading order: `keys`, `entry`, `memory`, `flight`, `breaker`, `backends`, `tier`, `finding`,
`read_through`; `metrics` beside them.

Not here: what a query is, what an epoch is, HTTP.
"""

"""The peers that the product is measured beside: the same work, written as one would without Spark.

`python -m benchmarks.peers.plain_consumer` and `python -m benchmarks.peers.quix`; docs/peers.md has their options, what
each of them promises, and in what the comparison is not even.
"""

"""REST and a first page over Redis. Never imports pyspark."""

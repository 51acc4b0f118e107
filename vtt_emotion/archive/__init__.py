"""Archives of many videos: on many machines, in buckets, as one table."""

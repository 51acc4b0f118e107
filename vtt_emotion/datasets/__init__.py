"""Indexes read and written safely, and each dataset's facts in a file of its own."""

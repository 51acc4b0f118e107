"""The page of an episode, and what annotators saw beside it."""

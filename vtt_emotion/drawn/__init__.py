"""The sample data, drawn."""

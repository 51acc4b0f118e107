"""Records, segments and names; results for other tools, one file a format; agreement with coders."""

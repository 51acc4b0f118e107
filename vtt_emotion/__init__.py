"""Emotions of the faces in videos: the rooms that the scripts share, one a stage."""

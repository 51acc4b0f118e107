"""Emotions of the faces in videos: the rooms that the scripts share, one a stage."""
from vtt_emotion.core.interrupts import watch_imports

__version__ = "2.0.0"
watch_imports()                                  # here, since all else is imported after this; of a script alone

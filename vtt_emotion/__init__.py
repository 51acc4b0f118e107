"""Emotions of the faces in videos: the rooms that the scripts share, one a stage.

    from vtt_emotion import read_image, read_video

What is offered here is imported when it is asked for: `import vtt_emotion` alone takes no time.
"""
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vtt_emotion.core.interrupts import watch_imports

if TYPE_CHECKING:
    from vtt_emotion.core.crop import crop_face
    from vtt_emotion.core.errors import InputError
    from vtt_emotion.video.detection import Detector
    from vtt_emotion.video.faces import make_faces
    from vtt_emotion.video.library import find_faces, read_emotions, read_image, read_video

__all__ = ["Detector", "InputError", "crop_face", "find_faces", "make_faces", "read_emotions", "read_image",
           "read_video"]
__version__ = "2.3.0"
_ROOMS = {"crop_face": "core.crop", "InputError": "core.errors", "make_faces": "video.faces",
          "Detector": "video.detection"}

watch_imports()                                  # here, since all else is imported after this; of a script alone


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'video.library')}"), name)

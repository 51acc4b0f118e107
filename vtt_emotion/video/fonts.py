"""Fonts that have the letters of people's names."""
from functools import cache
from pathlib import Path

NO_WORDS = ("Last Resort", "Emoji")              # fonts of boxes, or of pictures of a fixed size


@cache
def _letters(path):
    """The code points that a font's file has."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):              # a damaged file
        return frozenset()


@cache
def find_font(text: str) -> str | None:
    """The file of a font that has all letters of `text`: Matplotlib's own, else one of this machine's; None if none."""
    from matplotlib import get_data_path

    needed = {ord(letter) for letter in text if not letter.isspace()}
    plain = str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    if needed <= _letters(plain):
        return plain
    from matplotlib.font_manager import fontManager, weight_dict

    def ordinary(font):
        """How far a font is from upright and of normal weight."""
        weight = weight_dict.get(font.weight, font.weight)
        return font.style != "normal", abs((weight if isinstance(weight, int) else 400) - 400), font.name

    fonts = (font for font in fontManager.ttflist if not any(word in font.name for word in NO_WORDS))
    return next((font.fname for font in sorted(fonts, key=ordinary) if needed <= _letters(font.fname)), None)


def name_shown(name: str | None, id: int) -> str:
    """What stands for a person in a picture: the name, or where there is none, or no font that has it, the id."""
    return name if name and find_font(name) else str(id)

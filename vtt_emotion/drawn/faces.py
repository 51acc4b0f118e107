"""Drawn faces for the sample datasets: a parametric head, shaded, with brows, eyes and mouth set by an emotion.

Nothing is photographed or shipped. Crisp parts are drawn at `SUPERSAMPLE` times the size and scaled down;
smooth shading is computed at the final size. Coordinates are in head units: the face is 2 wide, x to the
right, y down, the point between the eyes near (0, -0.15), the chin near (0, 1.25).
"""
from dataclasses import dataclass, field

import cv2
import numpy as np

SUPERSAMPLE = 4
EXTENT = 2.2                                     # the picture reaches this many head units from its middle
PARTS_EXTENT = 1.3                               # so far reach eyes, brows, nose and mouth, turned or not
SOFT = 0.02                                      # head units by which they are blurred, as no camera sees sharp edges
FACE_BOX = (-1.0, -0.95, 1.0, 1.25)              # x0, y0, x1, y1 of what an annotator would call the face
# Facial actions at full intensity, after Ekman and Friesen's prototypes (FACS, 1978). Zero is neutral.
ACTIONS = {
    "angry": dict(brow_inner=-0.9, brow_outer=0.25, squint=0.4, corner=-0.4, press=0.9, wide=-0.1),
    "disgust": dict(brow_inner=-0.55, brow_outer=-0.2, squint=0.7, wrinkle=1.0, lip=1.0, corner=-0.5, open=0.2),
    "fear": dict(brow_inner=0.9, brow_outer=0.1, lid=0.7, corner=-0.3, open=0.4, wide=0.55),
    "happy": dict(squint=0.35, corner=1.0, open=0.35, wide=0.5),
    "sad": dict(brow_inner=0.75, brow_outer=-0.5, lid=-0.4, corner=-0.9, wide=-0.15),
    "surprise": dict(brow_inner=0.9, brow_outer=0.9, lid=0.8, open=0.9, wide=-0.4),
    "neutral": {},
}
ACTION_NAMES = ("brow_inner", "brow_outer", "squint", "lid", "wrinkle", "corner", "open", "wide", "lip", "press")


@dataclass
class Look:
    """One person: colours as RGB 0-255, the rest as factors around 1."""
    skin: tuple = (224, 180, 150)
    hair: tuple = (70, 45, 30)
    eyes: tuple = (80, 60, 40)
    long_hair: bool = False
    jaw: float = 1.0
    height: float = 1.0
    eye_gap: float = 1.0
    eye_size: float = 1.0
    brow: float = 1.0
    mouth: float = 1.0
    nose: float = 1.0


@dataclass
class Pose:
    """How the head is held and lit. Angles in radians, light as a direction (x right, y down)."""
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light: tuple = (-0.3, -0.4)
    ambient: float = 0.62
    noise: float = 3.0
    seed: int = field(default=0, repr=False)


def random_look(rng: np.random.Generator) -> Look:
    """A person drawn at random from `rng` (NumPy generator)."""
    skins = ((242, 206, 180), (228, 184, 152), (205, 156, 120), (170, 120, 88), (128, 86, 62))
    hairs = ((40, 28, 22), (78, 50, 30), (120, 78, 40), (190, 150, 90), (150, 60, 36), (120, 118, 118))
    jitter = rng.uniform(-12, 12, 3)
    vary = rng.uniform(0.9, 1.1, 7)
    return Look(skin=tuple(np.clip(skins[rng.integers(len(skins))] + jitter, 0, 255)),
                hair=hairs[rng.integers(len(hairs))],
                eyes=tuple(np.asarray(rng.uniform((40, 40, 30), (110, 120, 140)))),
                long_hair=bool(rng.integers(2)), jaw=vary[0], height=vary[1], eye_gap=vary[2],
                eye_size=vary[3], brow=rng.uniform(0.8, 1.3), mouth=vary[4], nose=vary[5])


def random_pose(rng: np.random.Generator) -> Pose:
    """A pose drawn at random."""
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * (0.22, 0.1, 0.1)
    return Pose(yaw, pitch, roll, tuple(rng.uniform(-0.5, 0.5, 2)), rng.uniform(0.55, 0.75),
                rng.uniform(1, 5), int(rng.integers(1 << 31)))


def actions(emotion: str, intensity: float, rng: np.random.Generator | None = None) -> dict[str, float]:
    """Facial actions of `emotion` at `intensity` in [0, 1]; with `rng`, varied as people vary."""
    values = {name: intensity * ACTIONS[emotion].get(name, 0.0) for name in ACTION_NAMES}
    if rng is not None:
        for name in ACTION_NAMES:
            values[name] = values[name] * rng.uniform(0.8, 1.15) + rng.normal(0, 0.05)
    return values


class _Canvas:
    """Polygons in head units onto a square RGBA canvas of `side` px, `scale` px a unit, turned by a pose."""

    def __init__(self, side, scale, pose):
        self.side = side
        self.scale = scale * SUPERSAMPLE
        self.rgba = np.zeros((side * SUPERSAMPLE, side * SUPERSAMPLE, 4), np.uint8)
        self.pose = pose

    def place(self, points, depth=True):
        """Head units (K, 2) to canvas pixels (K, 2); with `depth`, points lie on the head's front."""
        x, y = np.asarray(points, float).T
        if depth:
            z = np.sqrt(np.clip(1 - (x / 1.15) ** 2 - (y / 1.6) ** 2, 0.05, 1))
            x = x * np.cos(self.pose.yaw) + z * np.sin(self.pose.yaw)
            y = y * np.cos(self.pose.pitch) + z * np.sin(self.pose.pitch)
        cos, sin = np.cos(self.pose.roll), np.sin(self.pose.roll)
        return np.stack([x * cos - y * sin, x * sin + y * cos], 1) * self.scale + self.side * SUPERSAMPLE / 2

    def fill(self, points, colour, depth=True):
        shifted = np.round(self.place(points, depth) * 16).astype(np.int32)
        cv2.fillPoly(self.rgba, [shifted], (*map(float, colour), 255.0), shift=4)

    def stroke(self, points, colour, width):
        shifted = np.round(self.place(points) * 16).astype(np.int32)
        cv2.polylines(self.rgba, [shifted], False, (*map(float, colour), 255.0),
                      max(1, round(width * self.scale)), shift=4)

    def small(self, soft=0.0):
        """The canvas at its final size, float32 premultiplied RGB (S, S, 3) and alpha (S, S, 1) in [0, 1].

        soft: head units by which it is blurred.
        """
        rgba = cv2.resize(self.rgba, (self.side, self.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        if soft:
            rgba = cv2.GaussianBlur(rgba, (0, 0), soft * self.scale / SUPERSAMPLE)
        return rgba[..., :3], rgba[..., 3:] / 255


def _ellipse(x, y, rx, ry, count=40):
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)


def _head_outline(look):
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x, y = np.cos(turn), np.sin(turn)
    lower = np.clip(y, 0, 1)
    x = x * (1 - 0.22 * look.jaw * lower ** 2)                    # the jaw narrows towards the chin
    return np.stack([0.98 * x, np.where(y < 0, 1.25 * y, 1.25 * look.height * y)], 1)


def _draw_head(canvas, look):
    hair, skin = np.array(look.hair), np.array(look.skin)
    outline = _head_outline(look)
    canvas.fill(_ellipse(0, -0.35, 1.15, 1.2), hair, depth=False)
    if look.long_hair:
        canvas.fill([(-1.15, -0.4), (1.15, -0.4), (1.25, 1.5), (0.6, 1.7), (-0.6, 1.7), (-1.25, 1.5)], hair, False)
    canvas.fill([(-0.45, 0.7), (0.45, 0.7), (0.6, 2.2), (-0.6, 2.2)], 0.75 * skin, depth=False)
    for side in (-1, 1):
        canvas.fill(_ellipse(side * 1.0, 0.05, 0.12, 0.25), 0.85 * skin, depth=False)
    canvas.fill(outline, skin, depth=False)
    fringe = outline[outline[:, 1] < -0.35]
    low = np.linspace(fringe[:, 0].max(), fringe[:, 0].min(), 12)
    fringe = fringe[np.argsort(fringe[:, 0])]
    canvas.fill(np.concatenate([fringe, np.stack([low, -0.72 - 0.12 * np.cos(3 * low)], 1)]), hair, depth=False)


def _draw_eye(canvas, look, act, side):
    x, y = side * 0.42 * look.eye_gap, -0.12
    opening = 0.105 * look.eye_size * np.clip(1 + 0.5 * act["lid"] - 0.55 * act["squint"], 0.18, 2)
    half, skin = 0.2 * look.eye_size, np.array(look.skin)
    across = np.linspace(-1, 1, 13)
    upper = np.stack([x + half * across, y - opening * (1 - across ** 2)], 1)
    lower = np.stack([x + half * across[::-1], y + 0.7 * opening * (1 - across[::-1] ** 2)], 1)
    white = np.minimum((205, 198, 192), 0.5 * skin + 110)         # never as white as it is thought of
    canvas.fill(np.concatenate([upper, lower]), white)
    canvas.fill(np.concatenate([upper, upper[::-1] + (0, 0.35 * opening)]), 0.62 * white)         # the lid's shadow
    iris = _ellipse(x, y - 0.1 * opening, 0.115 * look.eye_size, 0.115 * look.eye_size)
    arch = 1 - ((iris[:, 0] - x) / half) ** 2                     # the lids cover its top and bottom
    iris[:, 1] = np.clip(iris[:, 1], y - opening * arch, y + 0.7 * opening * arch)
    canvas.fill(iris, 0.6 * np.array(look.eyes))
    canvas.fill(_ellipse(x, y, 0.055, min(0.055, 0.7 * opening)), (15, 12, 12))
    canvas.fill(_ellipse(x + 0.03, y - 0.03, 0.016, 0.016, 12), (250, 250, 250))
    canvas.stroke(upper, (40, 26, 22), 0.045)
    canvas.stroke(lower, 0.55 * skin, 0.025)


def _draw_brow(canvas, look, act, side):
    inner = (side * 0.17, -0.42 - 0.17 * act["brow_inner"])
    outer = (side * 0.68, -0.42 - 0.15 * act["brow_outer"])
    middle = (side * 0.45, (inner[1] + outer[1]) / 2 - 0.08)
    pull = 0.06 * max(0.0, -act["brow_inner"])                    # a frown draws the brows together
    points = np.array([(inner[0] - side * pull, inner[1]), middle, outer])
    bend = np.array([points[0] * (1 - s) ** 2 + 2 * s * (1 - s) * points[1] + s ** 2 * points[2]
                     for s in np.linspace(0, 1, 9)])
    canvas.stroke(bend, 0.7 * np.array(look.hair), 0.09 * look.brow)
    if act["brow_inner"] < -0.3:
        canvas.stroke([(side * 0.06, -0.42), (side * 0.05, -0.25)], 0.62 * np.array(look.skin), 0.03)


def _draw_nose(canvas, look, act):
    skin, end = np.array(look.skin), 0.34 * look.nose - 0.05 * act["wrinkle"]
    for side in (-1, 1):
        canvas.fill(_ellipse(side * 0.1, end, 0.05, 0.03), 0.42 * skin)
        canvas.stroke([(side * 0.16, end - 0.08), (side * 0.19, end), (side * 0.12, end + 0.05)], 0.68 * skin, 0.03)
        if act["wrinkle"] > 0.3:
            for step in range(3):
                y = -0.1 + 0.1 * step
                canvas.stroke([(side * 0.04, y), (side * 0.15, y - 0.05)], 0.6 * skin, 0.028)
        fold = max(act["corner"], 0) + max(act["wrinkle"], 0)
        if fold > 0.3:
            canvas.stroke([(side * 0.24, end - 0.02), (side * 0.42, end + 0.16), (side * 0.5, end + 0.36)],
                          0.72 * skin, 0.03)


def _draw_mouth(canvas, look, act):
    half = 0.36 * look.mouth * (1 + 0.4 * act["wide"])
    opening, y = max(act["open"], 0.0), 0.72
    across = np.linspace(-1, 1, 17)
    lift = -0.2 * act["corner"] * across ** 2                     # the corners, against the middle
    arch = 1 - across ** 2
    middle = y + 0.08 * act["corner"] - 0.1 * act["lip"]
    top = np.stack([half * across, middle + lift - (0.06 * opening + 0.05 * act["lip"]) * arch], 1)
    bottom = np.stack([half * across, middle + lift + (0.42 * opening + 0.12 * max(act["lip"], 0)) * arch], 1)
    hole = np.concatenate([top, bottom[::-1]])
    lips = np.clip(np.array(look.skin) * (0.78, 0.5, 0.5), 0, 255)
    canvas.fill(hole, (58, 18, 20))
    if opening > 0.12 and opening < 0.75:
        teeth = np.stack([half * across[::-1], (top[:, 1] + 0.45 * (bottom[:, 1] - top[:, 1]))[::-1]], 1)
        canvas.fill(np.concatenate([top, teeth]), (240, 236, 226))
    thick = 0.075 * (1 - 0.55 * max(act["press"], 0))
    canvas.stroke(top, lips, thick)
    canvas.stroke(bottom, lips, 1.25 * thick)
    if opening < 0.12:
        canvas.stroke((top + bottom) / 2, 0.4 * lips, 0.025)


def _hollows(look, act):
    """Where a head is hollow, or stands out and catches light: (x, y, half width, half height, how dark) of each.

    In order: the nose's ridge, tip, and shadow, over the lips and under, the chin, the forehead; the eyes, their
    corners, beside the nose, the cheekbones, beside the mouth.
    """
    nose, gap = 0.34 * look.nose, 0.42 * look.eye_gap
    smile = 0.12 if act["corner"] > 0.3 else 0.0
    middle = [(0, 0.1, 0.09, 0.32, -0.17), (0, nose - 0.06, 0.09, 0.08, -0.36),
              (0, nose + 0.02, 0.26, 0.1, 0.26), (0, nose + 0.08, 0.2, 0.05, 0.6),
              (0, 0.55, 0.07, 0.06, 0.28), (0, 0.93, 0.25, 0.05, 0.36), (0, 0.98, 0.4, 0.09, 0.14),
              (0, 1.1, 0.2, 0.1, -0.24), (0, -0.5, 0.4, 0.15, -0.18)]
    sides = [(gap, -0.15, 0.3, 0.2, 0.4), (0.3, -0.2, 0.12, 0.12, 0.36), (0.18, 0.1, 0.07, 0.25, 0.34),
             (0.55, 0.25, 0.22, 0.18, -0.2 - smile), (0.42, 0.62, 0.1, 0.25, 0.22)]
    return middle + sides + [(-x, *rest) for x, *rest in sides]


def _shade(size, look, pose, act):
    """Light on the head as a factor per pixel (S, S, 1): radial shading, and the `_hollows`."""
    axis = np.linspace(-EXTENT, EXTENT, size // 3, dtype=np.float32)   # smooth, so a third of the size is enough
    gx, gy = np.meshgrid(axis, axis)
    cos, sin = np.cos(pose.roll), np.sin(pose.roll)
    x, y = gx * cos + gy * sin, -gx * sin + gy * cos
    z = np.sqrt(np.clip(1 - (x / 1.3) ** 2 - (y / 1.7) ** 2, 0, 1))
    light = np.array([*pose.light, 1.0]) / np.linalg.norm([*pose.light, 1.0])
    shade = pose.ambient + (1.12 - pose.ambient) * np.clip(light[0] * x + light[1] * y / 1.6 + light[2] * z, 0, 1)
    x, y = x - np.float32(np.sin(pose.yaw)), y - np.float32(np.sin(pose.pitch))
    for cx, cy, rx, ry, dark in _hollows(look, act):
        shade *= 1 - dark * np.exp(-((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2)
    return cv2.resize(shade.astype(np.float32), (size, size))[..., None]


def draw_head(look: Look, act: dict[str, float], pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one head.

    Args:
        look, act, pose: the person, its facial `actions`, how it is held.
        size: side of the square picture, px; the face is `2 / (2 * EXTENT)` of it wide.

    Returns:
        float32 RGB (S, S, 3) in [0, 255], premultiplied by alpha, and alpha (S, S, 1) in [0, 1].
    """
    scale = size / (2 * EXTENT)
    head = _Canvas(size, scale, pose)
    _draw_head(head, look)
    rgb, alpha = head.small()
    rgb *= _shade(size, look, pose, act)
    border = int((EXTENT - PARTS_EXTENT) * scale)                 # the middle of the picture holds the parts
    middle = np.s_[border:size - border, border:size - border]
    parts = _Canvas(size - 2 * border, scale, pose)
    for side in (-1, 1):
        _draw_eye(parts, look, act, side)
        _draw_brow(parts, look, act, side)
    _draw_nose(parts, look, act)
    _draw_mouth(parts, look, act)
    over, over_alpha = parts.small(SOFT)
    rgb[middle] = rgb[middle] * (1 - over_alpha) + over * (0.85 * pose.ambient + 0.35)
    if pose.noise:
        noise = np.random.default_rng(pose.seed).standard_normal((size, size, 1), np.float32)
        rgb += pose.noise * noise * alpha
    return np.clip(rgb, 0, 255), alpha


def face_box(centre: tuple[float, float], size: float) -> list[float]:
    """`[x, y, w, h]`, px, of the face in a head of `size` px drawn around `centre` (x, y)."""
    unit = size / (2 * EXTENT)
    x0, y0, x1, y1 = FACE_BOX
    return [centre[0] + x0 * unit, centre[1] + y0 * unit, (x1 - x0) * unit, (y1 - y0) * unit]


def paste(image: np.ndarray, head: tuple[np.ndarray, np.ndarray], centre: tuple[float, float]) -> None:
    """Put a drawn head (`draw_head`'s return) on `image` (H, W, 3) uint8, in place; outside is cut off."""
    rgb, alpha = head
    size, (height, width) = len(rgb), image.shape[:2]
    left, top = round(centre[0] - size / 2), round(centre[1] - size / 2)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size, width), min(top + size, height)
    if x0 >= x1 or y0 >= y1:
        return
    part = np.s_[y0 - top:y1 - top, x0 - left:x1 - left]
    image[y0:y1, x0:x1] = image[y0:y1, x0:x1] * (1 - alpha[part]) + rgb[part] + 0.5


def background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A soft, coloured backdrop (H, W, 3) uint8: smooth noise, a few walls and lamps."""
    base = rng.uniform(60, 180) + rng.uniform(-25, 25, 3)
    coarse = (rng.uniform(-30, 30, (4, 6, 1)) + rng.uniform(-10, 10, (4, 6, 3))).astype(np.float32)
    image = base + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(4):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        corner = (int(x + rng.uniform(0.1, 0.4) * width), int(y + rng.uniform(0.1, 0.5) * height))
        cv2.rectangle(image, (int(x), int(y)), corner, tuple(base + rng.uniform(-35, 35) + rng.uniform(-12, 12, 3)), -1)
    return np.clip(image, 0, 255).astype(np.uint8)

# -*- coding: utf-8 -*-
"""Wrote the indexes here, as the ancestor project did: by Python 2.7.18 and 3.6.15, with NumPy 1.16.5.

    python2.7 make.py py2
    python3.6 make.py py3
"""
import collections
import sys

import numpy as np

FACE = "Manually_Annotated_Images/%d/fa\xc3\xa7e_%d.jpg" if sys.version_info[0] == 2 else \
    "Manually_Annotated_Images/%d/fa\xe7e_%d.jpg"
affectnet, friends = {}, {}
for emotion in range(7):
    affectnet[float(emotion)] = {}
    for example in range(2):
        affectnet[float(emotion)][float(example)] = {
            "img": FACE % (emotion, example), "bb": [10.0, 12.0, 30 + example, 40], "emo": float(emotion),
            "aro": np.float64(-0.25), "val": np.float32(0.5)}
    friends[emotion] = collections.OrderedDict()
    friends[emotion][0] = {"img": np.array(["%05d_%d.jpg" % (emotion, slot) for slot in range(4)]), "pos": (1.0, 4.0),
                           "emo": np.array(emotion), "extra": b"", "set": set([1, 2])}
raf = {}
for example in range(3):
    name = u"basic/Image/original/train_%05d.jpg" % example if example else "basic/Image/original/test_0001.jpg"
    raf[example] = {"img": name, "bb": np.array([1, 2, 30, 40 + example]), "n": np.int64(example),
                    "em": np.eye(7)[example].astype(">f4" if example == 1 else "f8")}
for kind, index in (("affectnet", affectnet), ("raf", raf), ("friends", friends)):
    np.save("%s_%s.npy" % (sys.argv[1], kind), index)

# -*- coding: utf-8 -*-
"""Wrote the indexes here, entry by entry as the ancestor project's scripts did.

By Python 2.7.18 (the ancestor's) and 3.6.15, both with NumPy 1.16.5:

    python2.7 make.py py2
    python3.6 make.py py3

The keys and the types of the values are those of its scripts; the faces are made up. Its lists were read by
np.genfromtxt, so the names come out of it here too.
"""
import os
import sys

import numpy as np

try:
    from StringIO import StringIO
except ImportError:
    from io import StringIO

UNICODE = type(u"")                              # what json gives as a character's name

# AffectNet: training.csv and validation.csv, one after the other; images relative to their folder; keys that count up
# are elements of a float array.
LIST = """subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal
12/%056x.jpg,130,128,640,644,181.5;530.25,1,0.75,-0.25
680/%056x.jpg,20,22,140,138,28.5;77.5,0,0.0125,-0.5
77/%056x.jpg,11,9,180,182,30.5;87.25,0,0.125,0.0625
901/%056x.jpg,40,41,270,268,63.0;135.0,6,-0.625,0.5
""" % (1, 2, 3, 4)
affectnet, counts = dict((emotion, {}) for emotion in range(7)), np.zeros(7)
emotions = [6, 3, 4, 5, 2, 1, 0, -1, -1, -1, -1]
for line in np.genfromtxt(StringIO(LIST), dtype=str)[1:]:
    fields = line.split(",")
    emotion = emotions[int(fields[6])]
    affectnet[emotion][counts[emotion]] = {
        "img": fields[0], "gt": [int(field) for field in fields[1:5]], "emo": emotion,
        "val": float(fields[-2]), "aro": float(fields[-1])}
    counts[emotion] += 1

# RAF: basic, compound and multi; boxes are corners, in an array of floats; labels too.
BOXES = {"train_00001": (213., 199., 484., 526.), "train_00002": (119.5, 120.1, 306., 339.4),
         "train_00003": (46., 60.2, 185.4, 220.), "test_0001": (44.9, 35., 190., 210.)}
raf = {}
for name, code in np.genfromtxt(StringIO("train_00001.jpg 5\ntrain_00002.jpg 5\ntest_0001.jpg 7\n"), delimiter=" ",
                                dtype=str):
    em = np.zeros(7)
    em[[-1, 5, 2, 1, 3, 4, 0, 6][int(code)]] = 1.
    raf[len(raf)] = {"img": os.path.join("basic/Image/original", name), "em": em,
                     "bb": np.array(BOXES[name.split(".")[0]])}
raf[len(raf)] = {"img": os.path.join("compound/Image/original", "train_00003.jpg"),
                 "em": np.array([0, 0, 0, 1, 0, 1, 0]).astype(float) * 0.5, "bb": np.array(BOXES["train_00003"])}
shares = np.array([0.4, 0., 0., 0.65, 0., 0.])   # surprise, fear, disgust, happy, sad, angry: of RAF-ML, above 1
raf[len(raf)] = {"img": os.path.join("multi/Image/original", "test_0003.jpg"),
                 "em": np.array([shares[5], shares[2], shares[1], shares[3], shares[4], shares[0],
                                 np.max([1. - np.sum(shares), 0.])]),
                 "bb": np.array([20. - 15., 30. - 25., 50. + 15., 80. + 25.])}

# Friends: four crops, in folders ep01_p beside the frames, and where they are from.
friends, counts = dict((emotion, {}) for emotion in range(7)), np.zeros(7)
for episode, period, character, emotion, frame in (("ep01", 1, "ross", 3, 100), ("ep01", 2, "monica", 6, 151),
                                                   ("ep09", 1, "phoebe", 6, 77), ("ep10", 640, "ross", 0, 30950)):
    character = UNICODE(character)
    images = [episode + "_p/" + episode + "_" + str("%04d" % period) + "_" + character + "_" + str(emotion) + "_"
              + str("%05d" % (frame - 3 + slot)) + ".jpg" for slot in range(4)]
    friends[emotion][counts[emotion]] = {"img": images, "emo": emotion, "pos": [episode, period, character, frame]}
    counts[emotion] += 1

for kind, index in (("affectnet", affectnet), ("raf", raf), ("friends", friends)):
    np.save("%s_%s.npy" % (sys.argv[1], kind), index)

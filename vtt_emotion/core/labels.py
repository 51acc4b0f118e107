"""The one emotion table, and each dataset's map onto it.

Every index, target vector, logit vector and results file of the project uses the order of `EMOTIONS`. What is asked to
know contempt too (--contempt of the parsers, --classes 8 of training) uses that of `WITH_CONTEMPT`, which begins alike.
"""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
WITH_CONTEMPT = (*EMOTIONS, "contempt")
AFFECT = ("valence", "arousal")                  # -1 to 1; of networks that are trained on them, after the emotions
# Of the overlay, the plots and the page: any two are 20 of CIE76's difference apart with each kind of colour blindness,
# and 3:1 against the page's light and dark ground; tests/core/test_labels.py measures it.
COLOURS = dict(zip(WITH_CONTEMPT, ("#f0064d", "#0d753b", "#bd6fda", "#ce6c06", "#6b6df9", "#c20c93", "#8d8d8d",
                                   "#7829ff")))
INKS = dict(zip(WITH_CONTEMPT, ("black", "white", "black", "black", "black", "white", "black", "white")))    # on them
ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL, CONTEMPT = range(8)
# Words for contempt, which is kept where --contempt asks for it.
CONTEMPT_NAMES = {"contempt": CONTEMPT, "contemptuous": CONTEMPT}
# AffectNet's expression codes, both releases. The dropped ones carry their name for the report.
AFFECTNET = {0: NEUTRAL, 1: HAPPY, 2: SAD, 3: SURPRISE, 4: FEAR, 5: DISGUST, 6: ANGRY}
AFFECTNET_DROPPED = {7: "contempt", 8: "none", 9: "uncertain", 10: "no face"}
# RAF-DB basic.
RAF = {1: SURPRISE, 2: FEAR, 3: DISGUST, 4: HAPPY, 5: SAD, 6: ANGRY, 7: NEUTRAL}
# RAF-DB compound: half of each of two emotions.
RAF_COMPOUND = {
    1: (HAPPY, SURPRISE), 2: (HAPPY, DISGUST), 3: (SAD, FEAR), 4: (SAD, ANGRY),
    5: (SAD, SURPRISE), 6: (SAD, DISGUST), 7: (FEAR, ANGRY), 8: (FEAR, SURPRISE),
    9: (ANGRY, SURPRISE), 10: (ANGRY, DISGUST), 11: (DISGUST, SURPRISE),
}
# RAF-ML (multi): the order of its six numbers; neutral is what is missing to 1.
RAF_MULTI = (SURPRISE, FEAR, DISGUST, HAPPY, SAD, ANGRY)
# FER+: the vote columns that are emotions, by header name. A majority for one of the others drops the row.
FERPLUS = {"neutral": NEUTRAL, "happiness": HAPPY, "surprise": SURPRISE, "sadness": SAD, "anger": ANGRY,
           "disgust": DISGUST, "fear": FEAR}
FERPLUS_DROPPED = ("contempt", "unknown", "NF")
# FER2013's own labels, without FER+'s votes.
FER2013 = dict(enumerate(range(7)))
# CK+'s emotion files; 2 is contempt.
CK = {0: NEUTRAL, 1: ANGRY, 3: DISGUST, 4: FEAR, 5: HAPPY, 6: SAD, 7: SURPRISE}
# Friends: annotators wrote nouns and adjectives, in any case, and `none` beside faces that they gave no emotion.
FRIENDS = {
    "angry": ANGRY, "anger": ANGRY, "disgust": DISGUST, "disgusted": DISGUST, "fear": FEAR, "fearful": FEAR,
    "happy": HAPPY, "happiness": HAPPY, "sad": SAD, "sadness": SAD, "surprise": SURPRISE,
    "surprised": SURPRISE, "neutral": NEUTRAL,
}
CHARACTERS = ("chandler", "joey", "monica", "phoebe", "rachel", "ross")


def output_names(count: int) -> tuple[str, ...]:
    """The names of a network's outputs by their number: 7 or 8 emotions, or with two more valence and arousal."""
    return WITH_CONTEMPT[:count] if count <= len(WITH_CONTEMPT) else (*WITH_CONTEMPT[:count - len(AFFECT)], *AFFECT)


def emotions_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The emotions among the names of a network's outputs, which come first."""
    return tuple(name for name in labels if name not in AFFECT)


def names_of(contempt: object) -> tuple[str, ...]:
    """`WITH_CONTEMPT` where there is any, a number or a truth, else `EMOTIONS`."""
    return WITH_CONTEMPT if contempt else EMOTIONS

from labels import (
    AFFECTNET,
    AFFECTNET_DROPPED,
    CHARACTERS,
    CK,
    EMOTIONS,
    FERPLUS,
    FRIENDS,
    RAF,
    RAF_COMPOUND,
    RAF_MULTI,
)


def test_order():
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_every_dataset_reaches_all_seven():
    for table in (AFFECTNET, RAF, FERPLUS, CK):
        assert sorted(table.values()) == list(range(7))
    assert sorted(RAF_MULTI) == list(range(6))
    assert set(FRIENDS.values()) == set(range(7))


def test_codes_against_the_datasets_documentation():
    names = {code: EMOTIONS[emotion] for code, emotion in AFFECTNET.items()}
    assert names == {0: "neutral", 1: "happy", 2: "sad", 3: "surprise", 4: "fear", 5: "disgust", 6: "angry"}
    assert set(AFFECTNET_DROPPED) == {7, 8, 9, 10}
    assert [EMOTIONS[RAF[code]] for code in range(1, 8)] == \
        ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
    assert [EMOTIONS[CK[code]] for code in (0, 1, 3, 4, 5, 6, 7)] == \
        ["neutral", "angry", "disgust", "fear", "happy", "sad", "surprise"]
    pairs = {code: tuple(EMOTIONS[emotion] for emotion in pair) for code, pair in RAF_COMPOUND.items()}
    assert pairs[1] == ("happy", "surprise") and pairs[7] == ("fear", "angry") and pairs[11] == ("disgust", "surprise")
    assert len(pairs) == 11 and len(CHARACTERS) == 6

import pytest

from vtt_emotion.datasets.friends import read_box, read_frame_number, read_span


@pytest.mark.parametrize("image,number", [("Frame_01234.jpg", 1234), ("a01234", 1234), ("b00007.jpg", 7),
                                          ("s01_ep01_Frame_00042.jpeg", 42), ("Frame_01234.jpg.jpg", 1234),
                                          ("Frame_01234_1.jpg", 1234), ("frame_01234_12.JPG", 1234),
                                          ("a01234_1.jpg", 1234), ("01234.png", 1234)])
def test_frame_names(image, number):
    assert read_frame_number(image) == number
    for wrong in ("Frame.jpg", "Frame_" + "9" * 400 + ".jpg", None):
        with pytest.raises(ValueError, match="frame number"):
            read_frame_number(wrong)


@pytest.mark.parametrize("rect,box", [(("12  34", "5", 30, 40), [12, 5, 18, 35]), ((1, 2, 3, 4), [1, 2, 2, 2]),
                                      (("none",) * 4, None), (("None", 1, 2, 3), None), ((5, 5, 5, 9), None),
                                      ((9, 5, 5, 9), None), (("", "", "", ""), None)])
def test_boxes(rect, box):
    assert read_box(dict(zip(("min_x", "min_y", "max_x", "max_y"), rect)))[0] == box


@pytest.mark.parametrize("start,end,span", [
    ("00:00:01;00", "00:00:02;12", (24, 60)), ("00:00:00;00", "01:00:00;00", (0, 86400)),
    ("00:00:02;00", "00:00:03;00", (30, 31)),                # it does not hold the frame
    ("00:00:02;00", "00:00:01;00", (30, 31)), ("none", "00:00:03;00", (30, 31)), (None, 5, (30, 31))])
def test_spans(start, end, span):
    assert read_span({"start_time": start, "end_time": end}, 30) == span
    assert read_span({}, 30) == (30, 31)

from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from gedanken.evaluation.report.pictures import last_moment, moving, still, strip


def opened(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    assert kind in ("data:image/png", "data:image/gif")
    return Image.open(BytesIO(b64decode(data)))


def moments(picture: Image.Image) -> list[np.ndarray]:
    frames = []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("RGBA")))
    return frames


def walking(count: int, colour: tuple[int, int, int]) -> np.ndarray:
    """A single coloured pixel that moves right over a noisy ground."""
    ground = np.random.default_rng(0).integers(0, 90, (count, 16, 16, 3), dtype=np.uint8)
    for index in range(count):
        ground[index, 8, index] = colour
    return ground


def test_a_still_frame_comes_back_exactly():
    frame = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(opened(still(frame)).convert("RGB")), frame)


def test_a_strip_shows_all_frames_with_clear_gaps():
    shown = np.asarray(opened(strip(walking(3, (250, 0, 0)))))
    assert shown.shape == (16, 3 * 16 + 2 * 4, 4)
    assert (shown[:, 16:20, 3] == 0).all()
    assert np.array_equal(shown[:, 20:36, :3], walking(3, (250, 0, 0))[1])


def test_a_moving_picture_keeps_step_time_and_rare_colours():
    long, short = walking(9, (250, 20, 30)), walking(4, (10, 240, 30))
    gif = opened(moving([long, short], milliseconds=80, rest=1000))
    assert gif.n_frames == 9
    assert gif.info["loop"] == 0
    shown = moments(gif)
    for index, moment in enumerate(shown):
        assert moment.shape == (16, 36, 4)
        assert (moment[:, 16:20, 3] == 0).all()
        assert (moment[:, :16, 3] == 255).all()
        left, right = moment[8, index, :3].astype(int), moment[8, 20 + min(index, 3), :3].astype(int)
        assert np.abs(left - (250, 20, 30)).max() < 40
        assert np.abs(right - (10, 240, 30)).max() < 40
    assert gif.info["duration"] == 1000
    assert np.abs(np.asarray(opened(last_moment([long, short])))[..., :3].astype(int) - shown[-1][..., :3]).mean() < 10


def test_a_flat_picture_moves_too():
    flat = np.zeros((3, 8, 8, 3), np.uint8)
    flat[1] = 255
    assert opened(moving([flat])).n_frames == 3

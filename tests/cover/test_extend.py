import cv2
import numpy as np
import pytest

from bridge import cover
from bridge.cover.border_slopes import Slants
from bridge.cover.extend import recomposed_box
from bridge.cover.extension_modes import LENGTH, features_of, straight

SHAPES = [(320, 180), (180, 320)]


def scene(size_px=200):
    """A sunset with a sun: smooth colours that differ along two edges, with grain."""
    y, x = np.mgrid[0 : 1 : size_px * 1j, 0 : 1 : size_px * 1j]
    picture = np.array([40, 50, 110]) * (1 - y[..., None]) + np.array([240, 140, 70]) * y[..., None]
    picture[np.hypot(x - 0.5, y - 0.5) < 0.2] = (255, 240, 200)
    return np.clip(picture + np.random.default_rng(0).normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def gravel(size_px=200):
    stones = np.random.default_rng(1).integers(0, 255, (size_px, size_px, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(stones, (0, 0), 2), np.uint8)


def landscape(size_px=240):
    """Full of detail to its edges: clouds over a line of hills over grass, each with a colour of its own."""
    chance = np.random.default_rng(4)

    def detail(stretch, amount):
        noise = chance.normal(0, 1, (size_px, size_px, 1)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=stretch[0], sigmaY=stretch[1])[..., None]
        return amount * noise / noise.std()

    y = np.linspace(0, 1, size_px)[:, None]
    hills = 0.5 + 0.05 * np.sin(np.linspace(0, 9, size_px))[None]
    picture = np.array([110, 150, 210]) + detail((6, 2), 14)
    picture = np.where((y > hills)[..., None], np.array([70, 90, 60]) + detail((1.2, 1.2), 22), picture)
    picture = np.where((y > hills + 0.2)[..., None], np.array([150, 140, 60]) + detail((0.8, 2), 26), picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


COLORS = {
    "paper": (236, 224, 196), "pine": (46, 96, 70), "rust": (206, 120, 60), "ink": (24, 60, 66), "red": (224, 92, 70)
}  # fmt: skip


def rings(size_px=240):
    """A drawing in flat colours, of rings, some of which the edges cut."""
    picture = np.full((size_px, size_px, 3), COLORS["paper"], np.uint8)
    cut = [(0, 60, "pine"), (8, 170, "rust"), (235, 50, "ink"), (240, 150, "pine"), (70, 3, "rust"), (180, -4, "ink"),
           (60, 238, "ink"), (170, 243, "pine")]  # fmt: skip
    for x, y, color in [*cut, (120, 120, "red")]:
        cv2.circle(picture, (x, y), 50 if color == "red" else 22, COLORS[color], -1, cv2.LINE_AA)
        cv2.circle(picture, (x, y), 7, COLORS["paper"], -1, cv2.LINE_AA)
    return picture


def sharpness(part):
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(*np.gradient(grey)).mean())


def beyond(frame, box):
    """The two strips that were added, without the cover."""
    if box.left_px:
        return [frame[:, : box.left_px], frame[:, box.right_px :]]
    return [frame[: box.top_px], frame[box.bottom_px :]]


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("cover_size", [(200, 200), (300, 200), (90, 400), (64, 64)])
def test_the_cover_is_whole_undistorted_and_centred(size, cover_size):
    picture = np.asarray(cv2.resize(scene(), cover_size, interpolation=cv2.INTER_AREA), np.uint8)
    frame, box = cover.recompose(picture, *size), cover.recomposed_box(cover_size, *size)
    assert frame.shape == (size[1], size[0], 3)
    assert box.width_px / box.height_px == pytest.approx(cover_size[0] / cover_size[1], rel=0.03)
    assert box.width_px == size[0] or box.height_px == size[1]
    assert box.center_px == pytest.approx((size[0] / 2, size[1] / 2), abs=0.5)
    kernel = cv2.INTER_AREA if box.width_px < cover_size[0] else cv2.INTER_CUBIC
    fitted = cv2.resize(picture, (box.width_px, box.height_px), interpolation=kernel)
    assert np.array_equal(frame[box.slices], fitted)


def test_a_cover_of_the_frames_shape_stays_as_it_is():
    picture = np.asarray(cv2.resize(scene(), (320, 180)), np.uint8)
    assert np.array_equal(cover.recompose(picture, 320, 180), picture)


@pytest.mark.parametrize("size", SHAPES)
def test_a_plain_border_goes_on_as_that_colour_alone(size):
    poster = np.full((200, 200, 3), (232, 222, 196), np.uint8)
    poster[60:120, 50:150] = (200, 30, 40)
    frame, box = cover.recompose(poster, *size), cover.recomposed_box((200, 200), *size)
    for strip in beyond(frame, box):
        assert np.abs(strip.astype(int) - (232, 222, 196)).max() <= 1


@pytest.mark.parametrize("size", SHAPES)
def test_no_seam_and_no_bars(size):
    frame, box = cover.recompose(scene(), *size), cover.recomposed_box((200, 200), *size)
    upright = frame if box.left_px else frame.transpose(1, 0, 2)
    at = box.left_px or box.top_px
    steps = np.abs(np.diff(upright.astype(float), axis=1)).mean(axis=(0, 2))
    inside = steps[at + 2 : at + 12].mean()
    assert steps[at - 1] < 2 * inside
    added = np.concatenate([strip.reshape(-1, 3) for strip in beyond(frame, box)])
    assert added.max(axis=-1).min() > 25


def test_an_added_strip_has_the_covers_grain_and_tone():
    frame, box = cover.recompose(scene(), 320, 180), cover.recomposed_box((200, 200), 320, 180)

    def grain(part):
        return (part.astype(float) - cv2.GaussianBlur(part.astype(np.float32), (0, 0), 1.5)).std()

    added, edge = frame[:, : box.left_px], frame[:, box.left_px : box.left_px + 20]
    assert 0.4 < grain(added) / grain(edge) < 1.6
    assert np.abs(added[:30].mean(axis=(0, 1)) - edge[:30].mean(axis=(0, 1))).max() < 20
    assert np.abs(added[-30:].mean(axis=(0, 1)) - edge[-30:].mean(axis=(0, 1))).max() < 20


@pytest.mark.parametrize("size", SHAPES)
def test_a_texture_goes_on_as_sharp_as_it_is(size):
    frame, box = cover.recompose(gravel(240), *size), cover.recomposed_box((240, 240), *size)
    upright, depth = (frame, box.left_px) if box.left_px else (frame.transpose(1, 0, 2), box.top_px)
    for side in (upright, upright[:, ::-1]):
        added, edge = side[:, :depth], side[:, depth : depth + depth // 2]
        assert 0.75 < sharpness(added) / sharpness(edge) < 1.33
        # Not at the seam alone: nothing grows softer farther out.
        assert 0.7 < sharpness(added[:, : depth // 2]) / sharpness(edge) < 1.4


def test_what_does_not_fit_goes_out_of_focus_with_the_distance_everywhere_alike():
    """A patchwork of sharp and soft places does not look meant."""
    chance, picture = np.random.default_rng(2), np.zeros((240, 80, 3), np.uint8)
    for _ in range(100):
        middle, color = chance.integers(0, 240, 2).tolist(), chance.integers(0, 255, 3).tolist()
        cv2.circle(picture, middle, int(chance.integers(5, 25)), color, -1)
    frame, depth = cover.recompose(picture, 320, 180), cover.recomposed_box((80, 240), 320, 180).left_px
    for side in (frame, frame[:, ::-1]):
        steepest = np.abs(np.diff(side[:, : depth + 1].astype(float), axis=0)).sum(axis=-1).max(axis=0)
        assert steepest[depth - 1] > 0.9 * steepest[depth]
        assert steepest[: depth // 2].max() < 0.2 * steepest[depth]


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("grain", [0, 4])
def test_a_smooth_gradient_has_no_crease_where_the_cover_ends(size, grain):
    y, x = np.mgrid[0:1:240j, 0:1:240j]
    glow = np.exp(-3 * ((x - 0.4) ** 2 + (y - 0.55) ** 2))[..., None]
    picture = np.array([30, 20, 80]) + np.array([200, 110, 20]) * glow
    picture = np.clip(picture + np.random.default_rng(0).normal(0, grain, (240, 240, 1)), 0, 255).astype(np.uint8)
    frame, box = cover.recompose(picture, *size), cover.recomposed_box((240, 240), *size)
    upright, at = (frame, box.left_px) if box.left_px else (frame.transpose(1, 0, 2), box.top_px)
    for side in (upright, upright[:, ::-1]):
        smooth = cv2.GaussianBlur(side.astype(np.float32), (0, 0), 3)
        bends = np.linalg.norm(np.diff(smooth, 2, axis=1).mean(axis=0), axis=-1)
        assert bends[at - 10 : at + 8].max() <= 1.1 * bends[at + 12 : at + 150].max()


def test_uneven_colours_dissolve_where_even_ones_go_straight_on():
    picture = np.full((240, 60, 3), (30, 105, 215), np.float32)
    picture[60:80] = 240
    far = straight(picture, np.array([-1, -90]))
    assert far[70, 1] == pytest.approx(far[70, 0], abs=1), "a stripe"
    picture[60:80] -= np.linspace(0, 120, 60)[None, :, None] * np.random.default_rng(0).random((20, 60, 1))
    picture[60:80, ::3] = (30, 105, 215)
    near, far = (
        np.linalg.norm(side[70] - picture[0, 0]) for side in straight(picture, np.array([-1, -90])).swapaxes(0, 1)
    )
    assert far < 0.5 * near, "a cloud"


def test_what_is_added_keeps_the_order_of_sky_hills_and_grass():
    frame, box = cover.recompose(landscape(), 320, 180), cover.recomposed_box((240, 240), 320, 180)
    for strip in beyond(frame, box):
        for rows in (slice(0, 70), slice(105, 120), slice(145, 180)):
            added, there = strip[rows].mean(axis=(0, 1)), frame[rows, box.left_px : box.right_px].mean(axis=(0, 1))
            assert np.abs(added - there).max() < 16
    tall, box = cover.recompose(landscape(), 180, 320), cover.recomposed_box((240, 240), 180, 320)
    sky, grass = beyond(tall, box)
    assert np.abs(sky.mean(axis=(0, 1)) - (110, 150, 210)).max() < 16
    assert np.abs(grass.mean(axis=(0, 1)) - (150, 140, 60)).max() < 16


def test_a_draft_is_extended_as_the_film_is():
    """Frames of all sizes show the same beyond the cover, so that a draft says how the film will end."""
    small, large = cover.recompose(landscape(), 320, 180), cover.recompose(landscape(), 640, 360)
    reduced = np.asarray(cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA), float)
    blurred = [cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2) for picture in (small, reduced)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 3


def test_a_pattern_goes_on_as_the_same_pattern():
    picture = gravel()
    frame, box = cover.recompose(picture, 320, 180), cover.recomposed_box((200, 200), 320, 180)
    for strip in beyond(frame, box):
        assert strip.std() == pytest.approx(frame[box.slices].std(), rel=0.25)


def test_nothing_is_mirrored_or_repeated_beside_the_cover():
    """A marked subject must not come back beyond the edges, neither as it is nor mirrored."""
    picture = scene()
    picture[80:120, 80:120] = 0
    picture[85:115, 90:96] = (0, 255, 60)
    picture[85:91, 90:112] = (0, 255, 60)
    frame, box = cover.recompose(picture, 320, 180), cover.recomposed_box((200, 200), 320, 180)
    mark = frame[box.top_px + 72 : box.top_px + 108, box.left_px + 72 : box.left_px + 108]
    for strip in beyond(frame, box):
        for shown in (mark, mark[:, ::-1]):
            assert cv2.matchTemplate(strip, np.ascontiguousarray(shown), cv2.TM_CCOEFF_NORMED).max() < 0.5
    whole = cv2.matchTemplate(frame, mark, cv2.TM_CCOEFF_NORMED)
    assert whole.max() > 0.99


@pytest.mark.parametrize("place", [(72, 149), (204, 144)])
def test_what_the_cover_has_once_is_not_seen_again(place):
    """Grass, hills and clouds may come back, but not the boat, though it is not the cover's subject."""
    picture, color = landscape(), (110, 20, 90)
    cv2.circle(picture, (130, 95), 42, (250, 240, 210), -1)
    cv2.circle(picture, (130, 95), 20, (200, 60, 40), -1)
    cv2.ellipse(picture, place, (13, 6), 0, 0, 360, color, -1)
    frame, box = cover.recompose(picture, 320, 180), cover.recomposed_box((240, 240), 320, 180)

    def boat(part):
        return (np.abs(part.astype(int) - color).sum(axis=-1) < 50).sum()

    assert boat(frame[box.slices]) > 80
    assert max(boat(strip) for strip in beyond(frame, box)) < 5


@pytest.mark.parametrize("size", SHAPES)
def test_a_drawing_goes_on_in_its_own_colours(size):
    """Nothing is tinted, blurred or torn beside what the edge cuts, apart from the smooth rims that rings have."""
    frame, box = cover.recompose(rings(), *size), cover.recomposed_box((240, 240), *size)
    for strip in beyond(frame, box):
        gaps = np.abs(strip.astype(int)[:, :, None] - list(COLORS.values())).max(axis=-1).min(axis=-1)
        assert (gaps > 20).mean() < 0.03


def test_the_same_every_time():
    assert np.array_equal(cover.recompose(gravel(), 180, 320), cover.recompose(gravel(), 180, 320))


@pytest.mark.parametrize("picture", [np.full((16, 16, 3), 9, np.uint8), np.zeros((20, 900, 3), np.uint8)])
def test_tiny_and_thin_covers(picture):
    frame = cover.recompose(picture, 320, 180)
    assert np.abs(frame.astype(int) - int(picture[0, 0, 0])).max() <= 1


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
def test_flat_colours_go_on_straight(size):
    picture = np.full((300, 300, 3), (240, 226, 60), np.uint8)
    picture[200:] = (214, 40, 70)
    if size[1] > size[0]:
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    picture[80:120, 80:120] = 20  # a subject
    whole = cover.recompose(picture, *size).astype(int)
    inner = recomposed_box((300, 300), *size)
    middle = whole[inner.slices]
    for edge, beyond in (
        [(middle[:, :1], whole[:, : inner.left_px]), (middle[:, -1:], whole[:, inner.right_px :])]
        if size[0] > size[1]
        else [(middle[:1], whole[: inner.top_px]), (middle[-1:], whole[inner.bottom_px :])]
    ):
        assert np.abs(beyond - edge).max() <= 12


@pytest.mark.parametrize("size", SHAPES)
def test_letters_are_not_shown_again(size):
    """A label in the ground's pattern: the pattern goes on, the title does not."""
    stripes = np.where((np.arange(240) // 6 % 2)[:, None, None], (200, 60, 50), (60, 60, 160)).repeat(240, axis=1)
    picture = np.asarray(cv2.GaussianBlur(gravel(240) // 3 + stripes.astype(np.uint8) // 2, (0, 0), 1), np.uint8)
    for at in ((4, 40), (4, 215)):
        cv2.putText(picture, "HARBOUR", at, cv2.FONT_HERSHEY_DUPLEX, 1.0, (255, 255, 90), 2, cv2.LINE_AA)
    frame, box = cover.recompose(picture, *size), cover.recomposed_box((240, 240), *size)
    for strip in beyond(frame, box):
        assert (strip[..., 0].astype(int) - strip[..., 2] > 110).mean() < 0.003


def drawn(polygons, ground=(236, 224, 196), size_px=300, grain=0.0):
    """Filled polygons, whose corners are given in lengths of the edge and may lie outside."""
    picture, fine = np.full((4 * size_px, 4 * size_px, 3), ground, np.uint8), 2**10
    for corners, color in polygons:
        at = np.round(np.array(corners) * 4 * size_px * fine - fine / 2).astype(np.int32)
        cv2.fillPoly(picture, [at], color, cv2.LINE_AA, 10)
    small = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(float)
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (size_px, size_px, 1)), (0, 0), 1)[..., None]
    return np.clip(np.round(small + grain * noise / noise.std()), 0, 255).astype(np.uint8)


def turned(picture, size):
    """So that what is drawn for the left and right edges lies at those that are extended."""
    return picture if size[0] > size[1] else np.ascontiguousarray(picture.transpose(1, 0, 2))


def borders(frame, size, color):
    """The first and last row of each column, in lengths of the edge, that are nearer to a colour than to paper."""
    upright = turned(frame, size).astype(float)
    near = np.linalg.norm(upright - color, axis=-1) < np.linalg.norm(upright - COLORS["paper"], axis=-1)
    rows = np.where(near.any(axis=0), [near.argmax(axis=0), len(near) - near[::-1].argmax(axis=0)], np.nan)
    return rows / len(near)


def columns_of(size):
    """The columns of a frame that is turned upright, in lengths of the edge from the cover's left one."""
    long, short = max(size), min(size)
    return (np.arange(long) + 0.5 - (long - short) / 2) / short


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("slope", [0.15, -0.4])
def test_a_slanted_band_goes_on_along_its_lines(size, slope):
    def line(x):
        return 0.5 + slope * (x - 0.5)

    band = [(x, line(x) + side) for x, side in ((-1, -0.1), (2, -0.1), (2, 0.1), (-1, 0.1))]
    frame = cover.recompose(turned(drawn([(band, COLORS["red"])]), size), *size)
    top, bottom = borders(frame, size, COLORS["red"])
    x = columns_of(size)
    assert np.abs(top - line(x) + 0.1).max() < 0.015
    assert np.abs(bottom - line(x) - 0.1).max() < 0.015
    strip = turned(frame, size)[:, : round(0.3 * min(size))]
    blends = np.abs(strip.astype(int)[:, :, None] - [COLORS["red"], COLORS["paper"]]).max(axis=-1).min(axis=-1) > 20
    assert blends.mean() < 0.04, "its borders are crisp"


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("grain", [0, 6])
def test_the_two_sides_of_a_torso_both_spread(size, grain):
    """Each has a slope of its own; what has a texture goes on with it."""
    torso = [(0.4, 0.4), (0.4, 0.6), (1.5, 0.6 + 1.1 * 0.25), (1.5, 0.4 - 1.1 * 0.2)]
    frame = cover.recompose(turned(drawn([(torso, COLORS["ink"])], grain=grain), size), *size)
    top, bottom = borders(cv2.GaussianBlur(frame, (0, 0), 1 + grain / 10), size, COLORS["ink"])
    x = columns_of(size)
    near = (x > 1) & (x < 1.3)
    assert np.abs(top - 0.4 + 0.2 * (x - 0.4))[near].max() < 0.03
    assert np.abs(bottom - 0.6 - 0.25 * (x - 0.4))[near].max() < 0.03


@pytest.mark.parametrize("size", SHAPES)
def test_a_triangle_ends_where_its_sides_meet(size):
    triangle = [(0.3, 0.2), (1.2, 0.5), (0.3, 0.8)]
    frame = cover.recompose(turned(drawn([(triangle, COLORS["pine"])]), size), *size)
    top, bottom = borders(frame, size, COLORS["pine"])
    x = columns_of(size)
    before = (x > 1) & (x < 1.15)
    assert np.abs(top - 0.5 + (1.2 - x) / 3)[before].max() < 0.02
    assert np.abs(bottom - 0.5 - (1.2 - x) / 3)[before].max() < 0.02
    assert np.isnan(top[x > 1.23]).all()


def test_rays_go_on_each_at_its_slope():
    rays = []
    for number in range(8):
        angle, width = -1.0 + 0.25 * number, 0.06
        rays.append([(0.4, 0.5), *((0.4 + 3 * np.cos(a), 0.5 + 3 * np.sin(a)) for a in (angle, angle + width))])
    picture = drawn([(ray, COLORS["rust"]) for ray in rays])
    frame = cover.recompose(picture, 320, 180)
    x, y = np.meshgrid(columns_of((320, 180)), (np.arange(180) + 0.5) / 180)
    wanted = (np.mod(np.arctan2(y - 0.5, x - 0.4) + 1.0, 0.25) < 0.06) & (np.abs(np.arctan2(y - 0.5, x - 0.4)) < 1.05)
    gap = np.linalg.norm(frame.astype(float) - COLORS["rust"], axis=-1)
    shown = gap < np.linalg.norm(frame.astype(float) - COLORS["paper"], axis=-1)
    beyond = x > 1.02
    assert (shown & wanted)[beyond].sum() > 0.8 * (shown | wanted)[beyond].sum()


def test_slopes_are_measured_and_none_where_nothing_slanted_is_straight():
    def slants(picture):
        small = cv2.resize(picture, (LENGTH, LENGTH), interpolation=cv2.INTER_AREA)
        return Slants.of(features_of(small.astype(np.float32))[..., :3])

    bands = [[(-1, y - s), (1, y + s), (1, y + s + 0.1), (-1, y - s + 0.1)] for y, s in ((0.2, 0.35), (0.7, -0.6))]
    found = slants(drawn([(band, COLORS["ink"]) for band in bands], grain=6))
    assert sorted(found.own) == pytest.approx([-0.6, 0.35], abs=0.02)
    assert found.between[round(0.25 * LENGTH)] == pytest.approx(0.35, abs=0.03)
    assert found.between[round(0.75 * LENGTH)] == pytest.approx(-0.6, abs=0.03)
    for picture in (gravel(), landscape(), scene()):
        assert np.abs([0, *slants(picture).own]).max() < 0.03


def cloud(size_px=300):
    """A long one, aslant, that an edge cuts: white lumps with soft borders."""
    white, chance = np.zeros((size_px, size_px), np.float32), np.random.default_rng(6)
    for at in np.linspace(-0.05, 0.2, 40):
        middle = np.array([at, 0.4 + 0.3 * at]) + chance.normal(0, 0.02, 2)
        cv2.circle(white, (middle * size_px).astype(int).tolist(), int(chance.integers(6, 14)), (1,), -1)
    white = cv2.GaussianBlur(white, (0, 0), 4)[..., None]
    grain = chance.normal(0, 3, (size_px, size_px, 1))
    return np.clip(np.array([60, 110, 200]) * (1 - white) + 245 * white + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SHAPES)
def test_a_cloud_that_the_edge_cuts_sends_no_beam(size):
    frame = turned(cover.recompose(turned(cloud(), size), *size), size)
    brighter = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 2)[..., 0] - 60
    assert brighter[:, (max(size) - min(size)) // 2 + 3].max() > 90
    assert brighter[:, :20].max() < 30


@pytest.mark.parametrize("size", SHAPES)
def test_what_is_printed_near_a_flat_edge_leaves_no_marks_beyond(size):
    title = [(0.04, 0.3), (0.09, 0.3), (0.09, 0.6), (0.04, 0.6)]
    band = [(0, 0.72), (1, 0.72), (1, 0.82), (0, 0.82)]
    picture = drawn([(title, (20, 20, 20)), (band, COLORS["red"])])
    strip = turned(cover.recompose(turned(picture, size), *size), size)[:, : (max(size) - min(size)) // 2]
    gaps = np.abs(strip.astype(int)[:, :, None] - [COLORS["red"], COLORS["paper"]]).max(axis=-1).min(axis=-1)
    assert (gaps > 5).mean() < 0.02

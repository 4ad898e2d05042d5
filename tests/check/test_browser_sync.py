"""Watched back in a browser: picture and sound together as Chromium plays them.

A page plays the clip and writes down, on one clock, when a flash is on the screen (`requestVideoFrameCallback` tells
when each frame is shown) and when a click is heard (an `AudioWorklet` sees every sample of the sound that is played).
It sends what it saw to the test's own server on the loopback address.

The latency of Web Audio's own output is taken off: a video element that plays by itself knows its output's latency and
waits for it with the pictures; one that feeds Web Audio cannot, and would be late by just that.
"""

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bridge.check import takes_page
from bridge.check.takes import ShotTakes, Take
from bridge.song.audio import Audio, write_wav
from tests.check import made_video
from tests.waiting import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run it"),
]

FPS = Fraction(24)
SIZE = (160, 90)
EVENTS = 24
EVERY_FRAMES = 24
LEAD_FRAMES = 24

CLICKS = """
const worklet = `registerProcessor("clicks", class extends AudioWorkletProcessor {
  constructor() { super(); this.quiet = 1e9; }
  process(inputs) {
    const samples = inputs[0][0];
    if (samples) for (let i = 0; i < samples.length; i++) {
      if (Math.abs(samples[i]) > 0.2) {
        if (this.quiet > sampleRate / 4) this.port.postMessage((currentFrame + i) / sampleRate);
        this.quiet = 0;
      } else this.quiet++;
    }
    return true;
  }
});`;
const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
function watch(video, flashes) {
  let bright = false;
  const look = (now, frame) => {
    pixel.drawImage(video, 0, 0, 1, 1);
    const lit = pixel.getImageData(0, 0, 1, 1).data[0] > 128;
    if (lit && !bright) flashes.push([frame.expectedDisplayTime, frame.mediaTime]);
    bright = lit;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}
async function hear(media, clicks) {
  const sound = new AudioContext({ latencyHint: "interactive" });
  await sound.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
  const node = new AudioWorkletNode(sound, "clicks");
  node.port.onmessage = (event) => {
    const stamp = sound.getOutputTimestamp();
    const heard = stamp.performanceTime + (event.data - stamp.contextTime) * 1000;
    clicks.push(heard - sound.outputLatency * 1000);
  };
  sound.createMediaElementSource(media).connect(node).connect(sound.destination);
  await sound.resume();
}
const send = (body) => fetch("RESULT", { method: "POST", mode: "no-cors", body: JSON.stringify(body) });
"""
"""what the pages share: when a media element clicks, and when a video flashes, on one clock"""

SYNC_PAGE = f"""<!doctype html><title>sync</title><video id="v" src="clip.mp4" playsinline></video><script>
{CLICKS}
const video = document.getElementById("v"), clicks = [], flashes = [];
async function run() {{
  await hear(video, clicks);
  watch(video, flashes);
  await video.play();
  video.onended = () => setTimeout(() => send({{ clicks, flashes }}), 500);
}}
video.onerror = () => send({{ error: video.error.message }});
run().catch((error) => send({{ error: String(error) }}));
</script>"""

TAKES_PROBE = f"""<script>{{
{CLICKS}
const clicks = [], takes = [...document.querySelectorAll("video")].map((video) => ({{ video, flashes: [] }}));
async function run() {{
  await hear(song, clicks);
  for (const take of takes) watch(take.video, take.flashes);
  document.querySelector(".play").click();
  song.onpause = () => setTimeout(() => send({{ clicks, flashes: takes.map((take) => take.flashes) }}), 500);
}}
addEventListener("load", () => run().catch((error) => send({{ error: String(error) }})));
}}</script>"""

PLAY_PAGE = """<!doctype html><title>play</title><video id="v" src="clip.mp4" playsinline></video><script>
const video = document.getElementById("v");
const send = (body) => fetch("RESULT", { method: "POST", body: JSON.stringify(body) });
let stalls = 0, started = false;
video.onwaiting = video.onstalled = () => { if (started && !video.ended) stalls++; };
video.onplaying = () => { started = true; };
video.onerror = () => send({ error: video.error.message });
video.onended = () => {
  const quality = video.getVideoPlaybackQuality();
  send({ ended_s: video.currentTime, stalls, width: video.videoWidth, height: video.videoHeight,
         frames: quality.totalVideoFrames, corrupted: quality.corruptedVideoFrames || 0,
         sound_bytes: video.webkitAudioDecodedByteCount });
};
video.play().catch((error) => send({ error: String(error) }));
</script>"""


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, byte ranges left out, and takes the page's result."""

    def __init__(self, *args: Any, results: list[dict[str, Any]], arrived: threading.Event, **options: Any) -> None:
        self.results, self.arrived = results, arrived
        super().__init__(*args, **options)

    def do_POST(self) -> None:
        self.results.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self.arrived.set()

    def log_message(self, format: str, *args: object) -> None:
        """The test has its own say."""


Watch = Callable[..., dict[str, Any]]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Opens a page in the folder in Chromium, from a server or from the disk, and gives what it sends."""
    results: list[dict[str, Any]] = []
    arrived = threading.Event()
    handler = partial(Site, directory=str(tmp_path), results=results, arrived=arrived)
    browsers: list[subprocess.Popen[bytes]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def run(page: str, *, from_disk: bool = False) -> dict[str, Any]:
            site = f"http://127.0.0.1:{server.server_port}"
            (tmp_path / "page.html").write_text(page.replace("RESULT", f"{site}/result"))
            address = (tmp_path / "page.html").as_uri() if from_disk else f"{site}/page.html"
            browsers.append(open_browser(address, tmp_path / "profile"))
            assert arrived.wait(PATIENCE_S), "the page sent nothing: the video did not play to its end"
            return results[0]

        yield run
        for browser in browsers:
            browser.terminate()
            browser.wait(20)
        server.shutdown()


def open_browser(address: str, profile: Path) -> "subprocess.Popen[bytes]":
    assert CHROMIUM
    switches = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--allow-file-access-from-files",  # or a page from the disk could play its media, and not look at them
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={profile}",
    ]
    return subprocess.Popen([CHROMIUM, *switches, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write_flashes(path: Path, late_s: float = 0.0, events: int = EVENTS, lead_frames: int = LEAD_FRAMES) -> None:
    """A flash of one eighth of a second and a click, together, once a second; the clicks may be late."""
    count = lead_frames + events * EVERY_FRAMES
    times = [Fraction(lead_frames + i * EVERY_FRAMES) / FPS for i in range(events)]
    sound = np.zeros((round(count / FPS * made_video.RATE_HZ), 2), np.float32)
    click = np.sin(np.arange(480) * 2 * np.pi * 1000 / made_video.RATE_HZ) * 0.8
    for time_s in times:
        first = round((float(time_s) + late_s) * made_video.RATE_HZ)
        sound[first : first + len(click)] = click[:, None]
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        pictures = container.add_stream("libx264", rate=FPS, options={"profile": "high", "g": "24"})
        pictures.width, pictures.height = SIZE
        pictures.pix_fmt = "yuv420p"
        sounds = container.add_stream("aac", rate=made_video.RATE_HZ)
        sounds.bit_rate = 192_000
        for i in range(count):
            lit = i >= lead_frames and (i - lead_frames) % EVERY_FRAMES < 3
            picture = np.full((SIZE[1], SIZE[0], 3), 235 if lit else 16, np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(pictures.encode(None))
        made_video.mux_sound(container, sounds, 0.0, float(count / FPS), sound)


def offsets_ms(
    clicks_ms: list[float], flashes: list[tuple[float, float]], lead_frames: int = LEAD_FRAMES
) -> np.ndarray:
    """How much later than its flash each click comes.

    Where the browser skipped a flash's first frame, the one it showed says when the first one was due.
    """
    clicks = np.array(clicks_ms)
    found = []
    for shown_ms, media_s in flashes:
        late_frames = round((media_s * float(FPS)) - lead_frames) % EVERY_FRAMES
        due_ms = shown_ms - late_frames * 1000 / float(FPS)
        found.append(clicks[np.argmin(np.abs(clicks - due_ms))] - due_ms)
    return np.array(found)


def test_picture_and_sound_stay_together(tmp_path: Path, watch: Watch, record_property: Callable[[str, object], None]):
    write_flashes(tmp_path / "clip.mp4")
    seen = watch(SYNC_PAGE)
    assert "error" not in seen, seen
    found = offsets_ms(seen["clicks"], seen["flashes"])
    record_property("mean_ms", float(found.mean()))
    record_property("worst_ms", float(np.abs(found).max()))
    print(f"picture-sound offset: mean {found.mean():+.1f} ms, worst {np.abs(found).max():.1f} ms, {len(found)} events")
    assert len(found) >= 20
    assert np.abs(found).max() <= 1000 / float(FPS)


def test_late_sound_is_seen(tmp_path: Path, watch: Watch):
    """The measurement itself: sound that is a tenth of a second late is measured so."""
    write_flashes(tmp_path / "clip.mp4", late_s=0.1, events=6)
    seen = watch(SYNC_PAGE)
    assert "error" not in seen, seen
    assert np.median(offsets_ms(seen["clicks"], seen["flashes"])) == pytest.approx(100, abs=25)


def test_takes_play_in_sync_with_the_song(tmp_path: Path, watch: Watch):
    """The page from the disk, as people open it. The shot begins in the song's middle, one clip has handles."""
    start_s, handles, seconds = 7.25, 6, 12
    samples = np.zeros(round((start_s + seconds + 3) * made_video.RATE_HZ), np.float32)
    for second in range(1, seconds):
        first = round((start_s + second) * made_video.RATE_HZ)
        samples[first : first + 480] = np.sin(np.arange(480) * 2 * np.pi * 1000 / made_video.RATE_HZ) * 0.8
    write_wav(Audio(samples[:, None], made_video.RATE_HZ), tmp_path / "song.wav")
    write_flashes(tmp_path / "clip.mp4", events=seconds - 1)
    write_flashes(tmp_path / "wide.mp4", events=seconds - 1, lead_frames=LEAD_FRAMES + handles)
    takes = [Take(tmp_path / "clip.mp4", "one"), Take(tmp_path / "wide.mp4", "two", offset_s=float(handles / FPS))]
    takes_page([ShotTakes("s01", start_s, seconds, takes)], tmp_path / "song.wav", tmp_path / "takes.html")
    page = (tmp_path / "takes.html").read_text()
    seen = watch(page.replace("</body>", f"{TAKES_PROBE}</body>"), from_disk=True)
    assert "error" not in seen, seen
    assert len(seen["clicks"]) == seconds - 1
    for flashes, lead_frames in zip(seen["flashes"], (LEAD_FRAMES, LEAD_FRAMES + handles), strict=True):
        found = offsets_ms(seen["clicks"], flashes, lead_frames)[2:]  # a clip that began late has caught up by then
        print(f"a take against the song: mean {found.mean():+.1f} ms, worst {np.abs(found).max():.1f} ms")
        assert len(found) >= seconds - 6
        assert np.abs(np.median(found)) <= 1000 / float(FPS)
        assert np.abs(found).max() <= 2 * 1000 / float(FPS)


def test_a_deliverable_plays_to_its_end(tmp_path: Path, watch: Watch):
    made = made_video.Made(bars=4)
    made_video.write(tmp_path / "clip.mp4", made, made_video.world(7, 240))
    seen = watch(PLAY_PAGE)
    assert "error" not in seen, seen
    assert (seen["width"], seen["height"]) == made.size
    assert seen["ended_s"] == pytest.approx(float(made.frame_count / made.fps), abs=0.06)
    assert seen["corrupted"] == 0
    assert seen["stalls"] == 0
    assert seen["frames"] > 0
    assert seen["sound_bytes"] > 0

const song = document.getElementById("song");
const rows = [...document.querySelectorAll(".take-row")];
const APART_S = 0.2;
const CATCHES_UP_IN_S = 0.4;
const MOST_HURRY = 0.1;
let current = null;
let onward = false;

const start = (row) => Number(row.dataset.start);
const length = (row) => Number(row.dataset.length);
const offset = (video) => Number(video.dataset.offset);
const videos = (row) => [...row.querySelectorAll("video")];

function stop() {
  song.pause();
  for (const row of rows) {
    videos(row).forEach((video) => video.pause());
    row.classList.remove("playing");
    row.querySelector(".play").textContent = "Play with the song";
  }
  current = null;
}

async function play(row, all) {
  stop();
  current = row;
  onward = all;
  row.classList.add("playing");
  row.querySelector(".play").textContent = "Stop";
  if (all) row.scrollIntoView({ block: "nearest" });
  song.currentTime = start(row);
  videos(row).forEach((video) => (video.currentTime = offset(video)));
  await Promise.allSettled([song.play(), ...videos(row).map((video) => video.play())]);
  requestAnimationFrame(follow);
}

// The song leads: a clip that is off hurries or dawdles until it is not; one that is far off is put back to it.
function follow() {
  const row = current;
  if (!row || song.paused) return;
  const time = song.currentTime - start(row);
  row.querySelector("progress").value = Math.min(1, Math.max(0, time / length(row)));
  if (time >= length(row)) {
    const next = onward ? rows[rows.indexOf(row) + 1] : document.getElementById("loop").checked ? row : null;
    if (next) play(next, onward);
    else stop();
    return;
  }
  for (const video of videos(row)) {
    const wanted = offset(video) + Math.max(0, time);
    if (video.seeking || video.ended) continue;
    const late = wanted - video.currentTime;
    if (Math.abs(late) > APART_S) video.currentTime = wanted;
    else video.playbackRate = 1 + Math.max(-MOST_HURRY, Math.min(MOST_HURRY, late / CATCHES_UP_IN_S));
  }
  requestAnimationFrame(follow);
}

const trouble = () => (document.getElementById("trouble").hidden = false);
for (const media of document.querySelectorAll("video, audio")) {
  media.addEventListener("error", trouble);
  if (media.error) trouble();
}
for (const row of rows)
  row.querySelector(".play").addEventListener("click", () => (current === row ? stop() : play(row, false)));
document.getElementById("all").addEventListener("click", () => rows.length && play(rows[0], true));
document.getElementById("stop").addEventListener("click", stop);
for (const row of rows) videos(row).forEach((video) => (video.currentTime = offset(video)));

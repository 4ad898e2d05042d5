const video = document.getElementById("video");
const timeline = document.getElementById("timeline");
const playhead = document.getElementById("playhead");
const scale = Number(timeline.dataset.scale);
const AROUND_S = 1;
let stopAt = Infinity;

const last = (list, time) => list.filter((one) => one[0] <= time + 0.005).at(-1);

function show() {
  const time = video.currentTime;
  const x = time * scale;
  playhead.setAttribute("x1", x);
  playhead.setAttribute("x2", x);
  const minutes = Math.floor(time / 60);
  document.getElementById("clock").textContent = `${minutes}:${(time % 60).toFixed(2).padStart(5, "0")}`;
  const beat = last(beats, time);
  document.getElementById("bar").textContent = beat ? `bar ${beat[1]}, beat ${beat[2]}` : "";
  const section = last(sections, time);
  document.getElementById("part").textContent = section ? section[1] : "";
  const view = timeline.parentElement;
  if (!video.paused && (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth - 60)) view.scrollLeft = x - 60;
}

function follow() {
  show();
  if (video.currentTime >= stopAt) {
    video.pause();
    stopAt = Infinity;
  }
  if (!video.paused) requestAnimationFrame(follow);
}

function go(time) {
  stopAt = Infinity;
  video.currentTime = Math.max(0, time);
}

function hear(time) {
  for (const button of document.querySelectorAll(".cut-button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.time) === time));
  go(time - AROUND_S);
  stopAt = time + AROUND_S;
  video.play();
}

function trouble() {
  document.getElementById("trouble").hidden = false;
}

video.addEventListener("play", follow);
video.addEventListener("seeked", show);
video.addEventListener("error", trouble);
if (video.error) trouble();

timeline.addEventListener("click", (event) => {
  const cut = event.target.closest(".cut");
  if (cut) hear(Number(cut.dataset.time));
  else go((event.clientX - timeline.getBoundingClientRect().left) / scale);
});
timeline.addEventListener("keydown", (event) => {
  const cut = event.target.closest(".cut");
  if (!cut || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  hear(Number(cut.dataset.time));
});
for (const button of document.querySelectorAll(".cut-button"))
  button.addEventListener("click", () => hear(Number(button.dataset.time)));
for (const button of document.querySelectorAll("[data-seek]"))
  button.addEventListener("click", () => {
    go(Number(button.dataset.seek) + 0.001);
    video.scrollIntoView({ block: "nearest" });
    video.play();
  });

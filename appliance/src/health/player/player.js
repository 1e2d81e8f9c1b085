// Plays the channel named by the video element and tells how it goes, on the page for people
// and in `window.weir` for tests.
"use strict";

const RETRY_MS = 2000;

const video = document.getElementById("video");
const line = document.getElementById("line");
const playlist = video.dataset.playlist;

const weir = {
  playing: false, // the picture moves
  errors: 0, // error events of the player library, recovered or not
  fatal_errors: 0, // those it could not recover from by itself
  stalls: 0, // times the picture stopped for want of data after it first moved
  last_error: "",
  level: "",
  buffer_seconds: 0,
  position_seconds: 0,
};
window.weir = weir;

let hasPlayed = false;
let hls = null;

video.addEventListener("playing", () => {
  hasPlayed = true;
  weir.playing = true;
});
video.addEventListener("waiting", () => {
  weir.playing = false;
  if (hasPlayed) weir.stalls += 1;
});
video.addEventListener("pause", () => (weir.playing = false));

function levelText(level) {
  if (!level) return "";
  const size = level.height ? `${level.width}×${level.height}, ` : "";
  return `${size}${(level.bitrate / 1e6).toFixed(1)} Mb/s`;
}

function recover(kind) {
  if (kind === Hls.ErrorTypes.MEDIA_ERROR) {
    hls.recoverMediaError();
  } else {
    setTimeout(start, RETRY_MS);
  }
}

function start() {
  if (hls) hls.destroy();
  hls = new Hls();
  hls.on(Hls.Events.ERROR, (_event, data) => {
    weir.errors += 1;
    weir.last_error = data.details;
    if (data.fatal) {
      weir.fatal_errors += 1;
      recover(data.type);
    }
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_event, data) => {
    weir.level = levelText(hls.levels[data.level]);
  });
  hls.loadSource(playlist);
  hls.attachMedia(video);
}

function bufferSeconds() {
  for (let index = 0; index < video.buffered.length; index += 1) {
    const end = video.buffered.end(index);
    if (video.buffered.start(index) <= video.currentTime && video.currentTime <= end) {
      return end - video.currentTime;
    }
  }
  return 0;
}

function tell() {
  weir.buffer_seconds = bufferSeconds();
  weir.position_seconds = video.currentTime;
  const state = weir.playing ? "playing" : video.paused && hasPlayed ? "paused" : "waiting";
  line.textContent = [
    state,
    `buffer ${weir.buffer_seconds.toFixed(1)} s`,
    weir.level,
    `stalls ${weir.stalls}`,
    `errors ${weir.errors}`,
    weir.last_error,
  ].filter(Boolean).join(" · ");
}

if (window.Hls && Hls.isSupported()) {
  start();
} else if (video.canPlayType("application/vnd.apple.mpegurl")) {
  video.addEventListener("error", () => {
    weir.errors += 1;
    weir.fatal_errors += 1;
    setTimeout(() => (video.src = playlist), RETRY_MS);
  });
  video.src = playlist;
} else {
  weir.last_error = "this browser plays no HLS";
}
setInterval(tell, 500);

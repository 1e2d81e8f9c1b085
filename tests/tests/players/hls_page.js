// Plays ?src by hls.js, and tells how it goes in `window.told`.
"use strict";
const told = { errors: [], fatal: [], stalls: 0, ranges: {} };
window.told = told;
const video = document.getElementById("video");
let hasPlayed = false;
video.addEventListener("playing", () => (hasPlayed = true));
video.addEventListener("waiting", () => (told.stalls += hasPlayed ? 1 : 0));
const hls = new Hls();
window.hls = hls;
hls.on(Hls.Events.LEVEL_UPDATED, (_event, data) => {
  // What lists announce: when it begins and how long it is.
  for (const [id, range] of Object.entries(data.details.dateRanges)) {
    const seconds = range.duration ?? range.plannedDuration;
    told.ranges[id] = { start: range.startDate.getTime() / 1000, seconds };
  }
});
hls.on(Hls.Events.ERROR, (_event, data) => {
  // Before the first picture the player looks for where pictures and sound begin together; and it
  // gives up requests itself when it jumps to the live edge.
  const isItsOwn = !hasPlayed || data.details === "aborted";
  if (data.fatal || !isItsOwn) told.errors.push(data.details);
  if (data.fatal) told.fatal.push(data.details);
});
hls.loadSource(new URLSearchParams(location.search).get("src"));
hls.attachMedia(video);
video.play();

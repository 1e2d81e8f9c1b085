// Plays ?src by hls.js, and tells how it goes in `window.told`.
"use strict";
const told = { errors: [], stalls: 0 };
window.told = told;
const video = document.getElementById("video");
let hasPlayed = false;
video.addEventListener("playing", () => (hasPlayed = true));
video.addEventListener("waiting", () => (told.stalls += hasPlayed ? 1 : 0));
const hls = new Hls();
hls.on(Hls.Events.ERROR, (_event, data) => {
  // A request that the player itself has given up, as it does when it jumps to the live edge.
  if (data.details !== "aborted") told.errors.push(data.details);
});
hls.loadSource(new URLSearchParams(location.search).get("src"));
hls.attachMedia(video);
video.play();

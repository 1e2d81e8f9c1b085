// Plays ?src by hls.js, and tells how it goes in `window.told`.
"use strict";
const told = { errors: [], fatal: [], stalls: 0 };
window.told = told;
const video = document.getElementById("video");
let hasPlayed = false;
video.addEventListener("playing", () => (hasPlayed = true));
video.addEventListener("waiting", () => (told.stalls += hasPlayed ? 1 : 0));
const hls = new Hls();
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

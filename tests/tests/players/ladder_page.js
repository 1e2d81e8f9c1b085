// Plays ?src by hls.js from its lowest level, and tells in `window.told` what was put into the
// buffer: of which level, until where.
"use strict";
const told = { errors: [], fatal: [], stalls: 0, levels: 0, pieces: [] };
window.told = told;
const video = document.getElementById("video");
let hasPlayed = false;
video.addEventListener("playing", () => (hasPlayed = true));
video.addEventListener("waiting", () => (told.stalls += hasPlayed ? 1 : 0));
const hls = new Hls({ startLevel: 0 });
window.hls = hls;
hls.on(Hls.Events.MANIFEST_PARSED, (_event, data) => {
  told.levels = data.levels.length;
  hls.loadLevel = 0;
});
hls.on(Hls.Events.FRAG_BUFFERED, (_event, data) => {
  const { level, endPTS, type } = data.frag;
  if (type === "main") told.pieces.push({ level, to: endPTS });
});
hls.on(Hls.Events.ERROR, (_event, data) => {
  (data.fatal ? told.fatal : told.errors).push(data.details);
});
hls.loadSource(new URLSearchParams(location.search).get("src"));
hls.attachMedia(video);
video.play();

// Plays ?src by hls.js. Shows its first subtitles and tells their cues in `window.told`;
// with ?sound, plays the variant that has sound alone.
"use strict";
const query = new URLSearchParams(location.search);
const told = { errors: [], fatal: [], levels: [], subtitles: [], cues: [], sound: [] };
window.told = told;
const video = document.getElementById("video");
const hls = new Hls();
window.hls = hls;
hls.on(Hls.Events.MANIFEST_PARSED, (_event, data) => {
  told.levels = data.levels.map((it) => [it.uri.split("/").pop(), it.width, it.codecSet]);
  told.subtitles = hls.subtitleTracks.map((it) => [it.name, it.lang]);
  hls.subtitleTrack = 0;
  hls.subtitleDisplay = true;
  if (query.has("sound")) {
    hls.loadLevel = data.levels.findIndex((it) => !it.width);
  }
});
hls.on(Hls.Events.FRAG_BUFFERED, (_event, data) => {
  if (data.frag.type === "main") told.sound.push(data.frag.url.split("/").pop());
});
hls.on(Hls.Events.ERROR, (_event, data) => {
  (data.fatal ? told.fatal : told.errors).push(data.details);
});
setInterval(() => {
  for (const track of video.textTracks) {
    for (const cue of track.activeCues ?? []) {
      const text = cue.getCueAsHTML().textContent;
      if (told.cues.at(-1)?.text !== text) {
        // How far the second, of which the text tells, lies from the clock of the stream.
        told.cues.push({ text, at: video.currentTime, begin: cue.startTime });
      }
    }
  }
}, 40);
hls.loadSource(query.get("src"));
hls.attachMedia(video);
video.play();

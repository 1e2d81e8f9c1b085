// Plays ?src by hls.js. Shows its first subtitles, and tells their cues in `window.told`.
"use strict";
const query = new URLSearchParams(location.search);
const told = { errors: [], fatal: [], subtitles: [], texts: [], cues: [], pieces: [] };
window.told = told;
const video = document.getElementById("video");
const hls = new Hls();
window.hls = hls;
hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_event, data) => {
  told.subtitles = data.subtitleTracks.map((it) => [it.name, it.lang]);
});
hls.on(Hls.Events.SUBTITLE_FRAG_PROCESSED, (_event, data) => {
  told.texts.push([data.success, data.frag.url.split("/").pop()]);
});
hls.on(Hls.Events.FRAG_BUFFERED, (_event, data) => {
  if (data.frag.type === "main") told.pieces.push(data.frag.url.split("/").pop());
});
hls.on(Hls.Events.ERROR, (_event, data) => {
  (data.fatal ? told.fatal : told.errors).push(data.details);
});
// As a viewer turns them on.
video.addEventListener("playing", () => {
  hls.subtitleDisplay = true;
  hls.subtitleTrack = 0;
});
setInterval(() => {
  for (const track of video.textTracks) {
    for (const cue of track.activeCues ?? []) {
      const text = cue.getCueAsHTML().textContent;
      if (told.cues.at(-1)?.text !== text) {
        told.cues.push({ text, at: video.currentTime, begin: cue.startTime });
      }
    }
  }
}, 40);
hls.loadSource(query.get("src"));
hls.attachMedia(video);
video.play();

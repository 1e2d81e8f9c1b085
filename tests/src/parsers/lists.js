// Reads every playlist of a folder with hls-parser (strict), m3u8-parser and hls.js, and prints
// what each made of each: a complaint, or how much there is of what.
"use strict";
globalThis.self = globalThis;
const fs = require("fs");
const path = require("path");
const [hlsPath, m3u8Path, folder] = process.argv.slice(2);
const strict = require(hlsPath);
const m3u8 = require(m3u8Path);
strict.setOptions({ strictMode: true });

const count = (list, is) => list.filter(is).length;
const url = "http://box/live/ch/list.m3u8";

const byStrict = (text) => {
  const read = strict.parse(text);
  if (read.isMasterPlaylist) {
    return { variants: read.variants.length };
  }
  return {
    sequence: read.mediaSequenceBase,
    segments: read.segments.length,
    discontinuities: count(read.segments, (it) => it.discontinuity),
    gaps: count(read.segments, (it) => it.gap),
    dated: count(read.segments, (it) => it.programDateTime),
    encrypted: count(read.segments, (it) => it.key),
    is_ended: read.endlist,
  };
};

const byM3u8Parser = (text) => {
  const parser = new m3u8.Parser();
  const warnings = [];
  parser.on("warn", (warning) => warnings.push(warning.message));
  parser.push(text);
  parser.end();
  if (warnings.length > 0) {
    throw new Error(warnings.join("; "));
  }
  const { manifest } = parser;
  if (manifest.playlists) {
    return { variants: manifest.playlists.length };
  }
  return {
    sequence: manifest.mediaSequence,
    segments: manifest.segments.length,
    discontinuities: manifest.discontinuityStarts.length,
    dated: count(manifest.segments, (it) => it.dateTimeString),
    encrypted: count(manifest.segments, (it) => it.key),
    ranges: manifest.dateRanges.length,
    is_ended: Boolean(manifest.endList),
  };
};

const byHlsJs = ({ M3U8Parser }) => (text) => {
  if (text.includes("#EXT-X-STREAM-INF")) {
    const read = M3U8Parser.parseMasterPlaylist(text, url);
    if (read.playlistParsingError) {
      throw read.playlistParsingError;
    }
    const media = M3U8Parser.parseMasterPlaylistMedia(text, url, read);
    return { variants: read.levels.length, subtitles: media.SUBTITLES?.length ?? 0 };
  }
  const read = M3U8Parser.parseLevelPlaylist(text, url, 0, "main", 0, null);
  if (read.playlistParsingError) {
    throw read.playlistParsingError;
  }
  return {
    sequence: read.startSN,
    segments: read.fragments.length,
    // It takes one before the first segment for what that begins with, not for a change.
    gaps: count(read.fragments, (it) => it.gap),
    dated: count(read.fragments, (it) => it.rawProgramDateTime),
    encrypted: count(read.fragments, (it) => it.encrypted),
    ranges: count(Object.values(read.dateRanges), (it) => it.isValid),
    is_ended: !read.live,
  };
};

const told = (read, text) => {
  try {
    return read(text);
  } catch (error) {
    return { complaint: String(error.message) };
  }
};

(async () => {
  const hlsJs = await import(require.resolve("hls.js/dist/hls.mjs"));
  const readers = {
    "hls-parser": byStrict,
    "m3u8-parser": byM3u8Parser,
    "hls.js": byHlsJs(hlsJs),
  };
  const all = {};
  for (const name of fs.readdirSync(folder)) {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    all[name] = {};
    for (const [reader, read] of Object.entries(readers)) {
      all[name][reader] = told(read, text);
    }
  }
  console.log(JSON.stringify(all));
})();

// Reads a playlist from standard input with hls-parser (strict) and m3u8-parser, and prints what
// both made of it.
"use strict";
globalThis.self = globalThis;
const [hlsPath, m3u8Path] = process.argv.slice(2);
const hls = require(hlsPath);
const m3u8 = require(m3u8Path);
const text = require("fs").readFileSync(0, "utf8");

hls.setOptions({ strictMode: true });
const strict = hls.parse(text);

const parser = new m3u8.Parser();
const warnings = [];
parser.on("warn", (warning) => warnings.push(warning.message));
parser.push(text);
parser.end();

const variant = ({ uri, bandwidth, averageBandwidth, codecs, resolution, frameRate }) => ({
  uri,
  bandwidth,
  average: averageBandwidth,
  codecs,
  height: resolution?.height,
  rate: frameRate,
});
console.log(JSON.stringify({
  isMaster: strict.isMasterPlaylist,
  variants: strict.variants.map(variant),
  merged: parser.manifest.playlists.map((it) => [it.uri, it.attributes.BANDWIDTH]),
  warnings,
}));

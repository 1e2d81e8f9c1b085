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

const hexadecimal = (bytes) => bytes && Buffer.from(bytes).toString("hex");
const range = ({ id, start, duration, plannedDuration, attributes }) => ({
  id,
  start,
  duration,
  planned: plannedDuration,
  out: hexadecimal(attributes["SCTE35-OUT"]),
  in: hexadecimal(attributes["SCTE35-IN"]),
});

const master = () => ({
  variants: strict.variants.map(variant),
  merged: parser.manifest.playlists.map((it) => [it.uri, it.attributes.BANDWIDTH]),
});
const media = () => ({
  segments: strict.segments.map((segment) => ({
    duration: segment.duration,
    markers: segment.markers.map((marker) => marker.tagName ?? marker.type),
  })),
  ranges: strict.segments.map((segment) => segment.dateRange).filter(Boolean).map(range),
  merged: parser.manifest.dateRanges,
  cues: parser.manifest.segments.map((it) => [it.cueOut, it.cueOutCont, it.cueIn]),
});
const { isMasterPlaylist: isMaster } = strict;
console.log(JSON.stringify({ isMaster, warnings, ...(isMaster ? master() : media()) }));

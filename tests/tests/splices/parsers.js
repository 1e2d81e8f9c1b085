// Reads a playlist with hls-parser (strict) and m3u8-parser, and prints what both made of it.
globalThis.self = globalThis;
const [hlsPath, m3u8Path, playlistPath] = process.argv.slice(2);
const hls = require(hlsPath);
const m3u8 = require(m3u8Path);
const text = require('fs').readFileSync(playlistPath, 'utf8');

hls.setOptions({ strictMode: true });
const strict = hls.parse(text);

const parser = new m3u8.Parser();
const warnings = [];
parser.on('warn', (warning) => warnings.push(warning.message));
parser.push(text);
parser.end();

const hexadecimal = (bytes) => bytes && Buffer.from(bytes).toString('hex');
const ranges = strict.segments.map((segment) => segment.dateRange).filter(Boolean);
console.log(JSON.stringify({
  segments: strict.segments.map((segment) => ({
    duration: segment.duration,
    markers: segment.markers.map((marker) => marker.tagName ?? marker.type),
  })),
  ranges: ranges.map((range) => ({
    id: range.id,
    start: range.start,
    duration: range.duration,
    planned: range.plannedDuration,
    out: hexadecimal(range.attributes['SCTE35-OUT']),
    in: hexadecimal(range.attributes['SCTE35-IN']),
  })),
  merged: parser.manifest.dateRanges,
  cues: parser.manifest.segments.map((it) => [it.cueOut, it.cueOutCont, it.cueIn]),
  warnings,
}));

# Reads every playlist of a folder with m3u8, and prints what it made of each: a complaint, or how
# much there is of what.
import json
import os
import sys

import m3u8


def told(text):
    read = m3u8.loads(text)
    # It raises what it finds in strict mode, one complaint at a time.
    m3u8.parse(text, strict=True)
    if read.is_variant:
        subtitles = [it for it in read.media if it.type == "SUBTITLES"]
        return {"variants": len(read.playlists), "subtitles": len(subtitles)}
    segments = read.segments
    ranges = {it.id for segment in segments for it in segment.dateranges}
    return {
        "sequence": read.media_sequence,
        "segments": len(segments),
        "discontinuities": sum(1 for it in segments if it.discontinuity),
        "gaps": sum(1 for it in segments if it.gap_tag),
        "dated": sum(1 for it in segments if it.program_date_time),
        "encrypted": sum(1 for it in segments if it.key),
        "ranges": len(ranges),
        "outs": sum(1 for it in segments if it.cue_out_start),
        "ins": sum(1 for it in segments if it.cue_in),
        "is_ended": read.is_endlist,
    }


def told_or_complaint(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return told(text)
    except Exception as error:
        return {"complaint": f"{type(error).__name__}: {error}"}


folder = sys.argv[1]
names = os.listdir(folder)
print(json.dumps({name: told_or_complaint(os.path.join(folder, name)) for name in names}))

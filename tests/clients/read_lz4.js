// read_lz4.js - prints a segment's lines through lz4-napi, which decodes one frame a
// call: so it walks the frames as writer/FORMAT.md says, passing over skippable ones.
// With --first it hands the whole file over, as one would who does not know.
"use strict";
const fs = require("fs");
const { decompressFrameSync } = require("lz4-napi");

const [path, first] = process.argv[2] === "--first" ? [process.argv[3], true] : [process.argv[2], false];
const bytes = fs.readFileSync(path);
if (first) {
    fs.writeSync(1, decompressFrameSync(bytes));
    process.exit(0);
}
for (let at = 0; at + 8 <= bytes.length; ) {
    let size;
    if ((bytes.readUInt32LE(at) & 0xfffffff0) >>> 0 === 0x184d2a50) {
        size = 8 + bytes.readUInt32LE(at + 4);
    } else {
        const flags = bytes[at + 4];
        const block = bytes.readUInt32LE(at + 15) & 0x7fffffff;
        size = 27 + block + (flags & 4 ? 4 : 0);
        const text = decompressFrameSync(bytes.subarray(at, at + size));
        for (let written = 0; written < text.length; ) written += fs.writeSync(1, text, written);
    }
    at += size;
}

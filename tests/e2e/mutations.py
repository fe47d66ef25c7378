"""mutations.py - damages segments, at random and with intent: bits, lengths, stretches of other
files; and lies with right checksums, which get past them: an index of other lines, sizes that are
not there, times that are reversed, frames that hide others.  writer/FORMAT.md has the layout."""

import struct

M32 = 0xFFFFFFFF
DATA, LID, FILTERS, INDEX, FOOTER = 0x184D2204, 0x184D2A50, 0x184D2A51, 0x184D2A52, 0x184D2A53
COVER, ASIDE, PADDING = 0x184D2A5C, 0x184D2A5D, 0x184D2A5E
EXTREMES = [0, 1, 2, 0x7F, 0xFF, 0xFFFF, 1 << 20, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 5 << 20,
            (1 << 31) - 1, 1 << 31, (1 << 32) - 1]  # fmt: skip
WIDE = EXTREMES + [1 << 32, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 8]


def rotate(x, n):
    return (x << n | x >> (32 - n)) & M32


def xxh32(data):
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    at, size = 0, len(data)
    if size >= 16:
        v = [(p1 + p2) & M32, p2, 0, (-p1) & M32]
        whole = size & ~15
        for words in struct.iter_unpack("<4I", data[:whole]):
            v = [rotate((a + word * p2) & M32, 13) * p1 & M32 for a, word in zip(v, words)]
        at = whole
        h = (rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18)) & M32
    else:
        h = p5
    h = (h + size) & M32
    while at + 4 <= size:
        h = rotate((h + struct.unpack_from("<I", data, at)[0] * p3) & M32, 17) * p4 & M32
        at += 4
    for byte in data[at:]:
        h = rotate((h + byte * p5) & M32, 11) * p1 & M32
    h = (h ^ h >> 15) * p2 & M32
    h = (h ^ h >> 13) * p3 & M32
    return h ^ h >> 16


def seal(data, at, end):
    """Writes the checksum of data[at:end] after it."""
    struct.pack_into("<I", data, end, xxh32(bytes(data[at:end])))


def skippable(magic, payload):
    return struct.pack("<II", magic, len(payload)) + payload


def data_frame(raw_size, block, stored, content=b""):
    """A data frame with right checksums, whatever its block holds."""
    large = len(block) > 65520
    code = 4 if raw_size <= 64 << 10 else 5 if raw_size <= 256 << 10 else 6 if raw_size <= 1 << 20 else 7
    descriptor = bytes([0x7C if large else 0x78, code << 4]) + struct.pack("<Q", raw_size)
    frame = struct.pack("<I", DATA) + descriptor + bytes([xxh32(descriptor) >> 8 & 0xFF])
    frame += struct.pack("<I", len(block) | (1 << 31 if stored else 0)) + block
    frame += struct.pack("<II", xxh32(block), 0)
    return frame + (struct.pack("<I", xxh32(content)) if large else b"")


def stored_frame(lines):
    return data_frame(len(lines), lines, True)


def bomb(raw_size):
    """A frame of raw_size bytes (one of them a newline at the end) in 1/255 of them."""
    body = raw_size - 1 - 6  # one literal first, five literals and a newline last
    length = body - 19
    block = b"\x1fx\x01\x00" + b"\xff" * (length // 255) + bytes([length % 255])
    block += b"\x60" + b"yyyyy\n"
    return data_frame(raw_size, block, False)


class Frames:
    """The frames of a segment: (offset, size, magic)."""

    def __init__(self, data):
        self.list, at = [], 0
        while at + 8 <= len(data):
            magic, size = struct.unpack_from("<II", data, at)
            if magic == DATA and at + 19 <= len(data):
                block = struct.unpack_from("<I", data, at + 15)[0] & 0x7FFFFFFF
                size = 27 + block + (4 if data[at + 4] & 4 else 0)
            elif magic & 0xFFFFFFF0 == LID:
                size += 8
            else:
                break
            self.list.append((at, size, magic))
            at += size

    def of(self, *magics):
        return [frame for frame in self.list if frame[2] in magics]


# ---- damage ----


def flip_bits(rng, data, _):
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_bits_of_headers(rng, data, _):
    frames = Frames(data).list
    for _ in range(rng.choice([1, 1, 3])):
        at, size, _ = rng.choice(frames)
        data[at + rng.randrange(min(size, 24))] ^= 1 << rng.randrange(8)


def cut_off(rng, data, _):
    del data[rng.randrange(len(data)) :]


def cut_off_near_the_end(rng, data, _):
    del data[max(0, len(data) - rng.randrange(1, 300)) :]


def take_out(rng, data, _):
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 7, 8, 100, 4096, 70000])]


def overwrite(rng, data, _):
    at = rng.randrange(len(data))
    size = rng.choice([1, 8, 64, 4096])
    data[at : at + size] = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)])


def splice(rng, data, other):
    at, there = rng.randrange(len(data)), rng.randrange(len(other))
    size = rng.choice([8, 64, 1000, 70000])
    data[at : at + rng.choice([0, size])] = other[there : there + size]


def append_garbage(rng, data, other):
    data += rng.choice([bytes(rng.randrange(1, 5000)), rng.randbytes(50), bytes(other[-28:]), bytes(other)])


# ---- lies of frames ----


def hide_frames(rng, data, _):
    """A skippable frame whose size covers the frames after it."""
    frames = Frames(data).list
    i = rng.randrange(len(frames))
    at, size, _ = frames[i]
    end = sum(frames[min(len(frames) - 1, i + rng.randrange(4))][:2])
    magic = rng.choice([COVER, ASIDE, PADDING, LID, FILTERS, INDEX, FOOTER, 0x184D2A57])
    struct.pack_into("<II", data, at, magic, rng.choice([end - at - 8, end - at - 9, len(data), M32, 0]))


def nest_frames(rng, data, other):
    inner = skippable(rng.choice([ASIDE, 0x184D2A58, COVER]), bytes(other[:5000]))
    at = rng.choice(Frames(data).list)[0]
    data[at:at] = skippable(0x184D2A59, inner) if rng.random() < 0.5 else inner


def large_skippable(rng, data, _):
    """64 MiB that are not there, or are (a hole)."""
    at = rng.choice(Frames(data).list)[0]
    data[at:at] = struct.pack("<II", rng.choice([ASIDE, 0x184D2A57, INDEX]), 64 << 20) + bytes(rng.choice([0, 1 << 20]))


def frame_lies(rng, data, _):
    """A field of a data frame's header, with a right header checksum."""
    at, size, _ = rng.choice(Frames(data).of(DATA))
    kind = rng.randrange(6)
    if kind == 0:
        struct.pack_into("<Q", data, at + 6, rng.choice(WIDE))
    elif kind == 1:
        data[at + 5] = rng.choice([0x40, 0x50, 0x60, 0x70, 0, 0xFF])
    elif kind == 2:
        data[at + 4] = rng.choice([0x79, 0x58, 0x68, 0x7C, 0x38, 0xF8, 0])
    elif kind == 3:
        struct.pack_into("<I", data, at + 15, rng.choice(EXTREMES))
    elif kind == 4:
        raw = struct.unpack_from("<Q", data, at + 6)[0]
        struct.pack_into("<Q", data, at + 6, max(0, raw + rng.choice([-1, 1, 100])))
    else:
        data[at + size - 1] ^= 1
    data[at + 14] = xxh32(bytes(data[at + 4 : at + 14])) >> 8 & 0xFF


FOREIGN = [
    struct.pack("<I", DATA) + b"\x40\x70\xdf" + struct.pack("<I", 0x80000005) + b"abcd\n" + bytes(4),
    struct.pack("<I", 0x184C2102) + struct.pack("<I", 6) + b"\x50abcd\n",  # legacy
    struct.pack("<I", DATA) + b"\x79\x40" + struct.pack("<QI", 5, 77) + b"\x00" + bytes(8),  # dictionary
]


def foreign_frame(rng, data, _):
    """Frames that others write: no content size, legacy, with a dictionary."""
    at = rng.choice([rng.choice(Frames(data).list)[0], len(data)])
    data[at:at] = rng.choice(FOREIGN)


def odd_lines(rng, data, _):
    """Sound frames whose content is not what the daemon stores."""
    content = rng.choice([b"\n", b"\n" * 1000, b"\0" * 99 + b"\n", b"\xff\xfe\n", b'{"time":1e999}\n', b"[[[[\n" * 50,
                          b'{"time":9223372036854775807,"level":99}\n', b'{"time":-9223372036854775808}\n',
                          b'{"time":"0000-01-01T00:00:00Z"}\n{"time":"9999-12-31T23:59:59.999999999Z"}\n',
                          b"{" * 3000 + b"\n", b"no newline", b'{"a":"\n']) # fmt: skip
    at = rng.choice(Frames(data).list)[0]
    data[at:at] = stored_frame(content)


def bombs(rng, data, _):
    """Frames of 4 MiB in 16 KiB."""
    at = rng.choice(Frames(data).list)[0]
    data[at:at] = BOMB * rng.choice([1, 5, 25])


def lid_lies(rng, data, _):
    lids = Frames(data).of(LID)
    if not lids:
        return flip_bits(rng, data, None)
    at, size, _ = rng.choice(lids)
    if size != 64:
        return None
    place, form = rng.choice([(12, "I"), (16, "I"), (20, "I"), (24, "I"), (28, "I"), (32, "Q"), (40, "Q"), (48, "Q"), (56, "Q")])
    struct.pack_into("<" + form, data, at + place, rng.choice(EXTREMES if form == "I" else WIDE))
    struct.pack_into("<I", data, at + 8, xxh32(bytes(data[at + 12 : at + 64])))
    return None


# ---- lies of the index ----


def index_of(data):
    """(offset of the index, sections, groups), or None."""
    frames = Frames(data).of(INDEX)
    if not frames:
        return None
    at, size, _ = frames[-1]
    sections, groups = struct.unpack_from("<II", data, at + 12)
    if 40 + 24 * sections + 120 * groups + 4 != size:
        return None
    return at, size, sections, groups


def change(rng, data, at, form):
    """Another value: extreme, or near the old one."""
    old = struct.unpack_from("<" + form, data, at)[0]
    top = 1 << (32 if form == "I" else 64)
    near = (old + rng.choice([-1, 1, -8, 8, 64, -64, 4096])) % top
    struct.pack_into("<" + form, data, at, rng.choice([near, near, rng.choice(EXTREMES if form == "I" else WIDE)]))


GROUP_FIELDS = [(0, "Q"), (8, "Q"), (16, "I"), (20, "I"), (24, "I"), (28, "I"), (32, "Q"), (40, "Q"), (48, "Q"), (56, "Q"),
                (64, "I"), (68, "I"), (72, "I"), (84, "I"), (96, "I"), (100, "I"), (104, "Q"), (112, "Q")]  # fmt: skip


def index_lies(rng, data, _):
    found = index_of(data)
    if found is None:
        return flip_bits_of_headers(rng, data, None)
    at, size, sections, groups = found
    first_group = at + 40 + 24 * sections
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = rng.randrange(8)
        if kind == 0:
            change(rng, data, *rng.choice([(at + 8, "I"), (at + 12, "I"), (at + 16, "I"), (at + 20, "I"), (at + 24, "Q"), (at + 32, "Q")]))
        elif kind == 1 and sections:
            section = at + 40 + 24 * rng.randrange(sections)
            change(rng, data, *rng.choice([(section, "Q"), (section + 8, "I"), (section + 12, "I"), (section + 16, "I"), (section + 20, "I")]))
        elif groups:
            group = first_group + 120 * rng.randrange(groups)
            place, form = rng.choice(GROUP_FIELDS)
            change(rng, data, group + place, form)
    seal(data, at, at + size - 4)
    return None


def index_lies_in_agreement(rng, data, _):
    """Numbers that agree with each other, but not with the lines."""
    found = index_of(data)
    if found is None or not found[3]:
        return frame_lies(rng, data, None)
    at, size, sections, groups = found
    i = rng.randrange(groups)
    group = at + 40 + 24 * sections + 120 * i
    kind = rng.randrange(6)
    if kind == 0:  # lines and levels
        for place in (24, 72 + 4 * rng.randrange(7)):
            struct.pack_into("<I", data, group + place, (struct.unpack_from("<I", data, group + place)[0] + 1) & M32)
    elif kind == 1:  # 5 MiB of lines
        struct.pack_into("<I", data, group + 16, 5 << 20)
    elif kind == 2 and groups > 1:  # the border between two groups
        i = max(i, 1)
        group = at + 40 + 24 * sections + 120 * i
        shift = rng.choice([1, 8, -1])
        for place, by in ((group, shift), (group + 8, -shift), (group - 120 + 8, shift)):
            struct.pack_into("<Q", data, place, (struct.unpack_from("<Q", data, place)[0] + by) % (1 << 64))
    elif kind == 3:  # another time, in the past
        for place in (48, 56, 104, 112):
            struct.pack_into("<q", data, group + place, 10**18)
    elif kind == 4:  # no group, or one less
        fewer = rng.choice([0, groups - 1])
        rebuilt = data[at : at + 40 + 24 * sections + 120 * fewer] + bytes(4)
        struct.pack_into("<I", rebuilt, 4, len(rebuilt) - 8)
        struct.pack_into("<I", rebuilt, 16, fewer)
        seal(rebuilt, 0, len(rebuilt) - 4)
        data[at:] = rebuilt + footer(at, len(rebuilt))
        return None
    else:  # damaged, without a filter
        struct.pack_into("<I", data, group + 64, rng.randrange(4))
    seal(data, at, at + size - 4)
    return None


def footer(at, size):
    frame = bytearray(skippable(FOOTER, struct.pack("<IIQI", 1, size, at, 0)))
    seal(frame, 0, 24)
    return frame


def footer_lies(rng, data, _):
    """An index outside the file, at itself, in the lines."""
    found = index_of(data)
    size = found[1] if found else 164
    at = rng.choice([0, 1, len(data) - 28, len(data), found[0] if found else 0, *WIDE])
    ending = footer(at % (1 << 64), rng.choice([size, 0, 44, 28, *EXTREMES]) & M32)
    if found and rng.random() < 0.8:
        data[-28:] = ending
    else:
        data += ending


def filter_lies(rng, data, _):
    """A row of a filter that excludes everything, or nothing, with a right checksum."""
    filters = Frames(data).of(FILTERS)
    if not filters:
        return bombs(rng, data, None)
    at, size, _ = rng.choice(filters)
    groups, rows = struct.unpack_from("<HI", data, at + 10)
    row_size = 64 * groups + 4
    if not groups or 24 + rows * row_size != size:
        return None
    for row in range(rows) if rng.random() < 0.5 else [rng.randrange(rows)]:
        begin = at + 24 + row * row_size
        data[begin : begin + row_size - 4] = bytes([rng.choice([0, 0xFF])]) * (row_size - 4)
        seal(data, begin, begin + row_size - 4)
    return None


def index_of_another(rng, data, other):
    """The index of another segment, where it was or adapted to this one's end."""
    mine, its = index_of(data), index_of(other)
    if its is None:
        return splice(rng, data, other)
    end = mine[0] if mine else len(data)
    begin = min([frame[0] for frame in Frames(data).of(FILTERS)] + [end])
    del data[begin:]
    frame = bytearray(other[its[0] : its[0] + its[1]])
    if rng.random() < 0.7:
        struct.pack_into("<Q", frame, 24, begin)
        if rng.random() < 0.7:  # without filters
            frame = frame[:40] + frame[40 + 24 * its[2] :]
            struct.pack_into("<II", frame, 4, len(frame) - 8, 2)
            struct.pack_into("<I", frame, 12, 0)
        seal(frame, 0, len(frame) - 4)
    data += frame
    data += footer(begin, len(frame))
    return None


BOMB = bomb(4 << 20)
MUTATIONS = [flip_bits, flip_bits_of_headers, cut_off, cut_off_near_the_end, take_out, overwrite, splice, append_garbage,
             hide_frames, nest_frames, large_skippable, frame_lies, foreign_frame, odd_lines, bombs, lid_lies,
             index_lies, index_lies, index_lies, index_lies_in_agreement, index_lies_in_agreement,
             footer_lies, filter_lies, index_of_another]  # fmt: skip


def mutate(rng, original, other):
    """(what was done, the damaged bytes)."""
    data, done = bytearray(original), []
    for _ in range(rng.choice([1, 1, 1, 1, 2, 3])):
        if len(data) < 64 or not Frames(data).of(DATA):
            break
        mutation = rng.choice(MUTATIONS)
        try:
            mutation(rng, data, other)
        except (struct.error, IndexError, ValueError):
            pass  # an earlier mutation took away what this one changes
        done.append(mutation.__name__)
    return "+".join(done), bytes(data)

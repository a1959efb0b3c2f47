"""Small picture files of every kind, and ways to damage them: seeded, so that a find comes back."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).parent / "golden" / "pictures"
EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 65_536, 100_000)


def whole_files():
    """Suffix and bytes of undamaged files, by their kind."""
    grey = (np.add.outer(np.arange(60), np.arange(80))).astype(np.uint8)
    flat, turned = Image.fromarray(grey), Image.Exif()
    turned[0x0112] = 6
    drawn = {
        **{f"tiff {c}": (flat, {"compression": c}) for c in ("raw", "tiff_lzw", "packbits")},
        "tiff deflate": (flat, {"compression": "tiff_deflate", "exif": turned}),
        "tiff jpeg": (flat, {"compression": "jpeg"}),
        "tiff 16 bits": (Image.fromarray(grey.astype(np.uint16) * 100), {}),
        "tiff fax": (Image.fromarray(grey > 60), {"compression": "group4"}),
        "tiff pages": (flat, {"save_all": True, "append_images": [flat, flat]}),
        "png grey": (flat, {}),
        "png palette": (flat.convert("P"), {}),
        "png alpha": (flat.convert("RGBA"), {}),
        "jpeg grey": (flat, {"exif": turned}),
        "jpeg progressive": (flat.convert("RGB"), {"progressive": True}),
        "jpeg cmyk": (flat.convert("CMYK"), {}),
        "bmp grey": (flat, {}),
        "bmp palette": (flat.convert("P"), {}),
    }
    files = {}
    for kind, (picture, options) in drawn.items():
        buffer = io.BytesIO()
        picture.save(buffer, format=kind.split()[0].upper(), **options)
        files[kind] = (f".{kind.split()[0]}", buffer.getvalue())
    for path in sorted(GOLDEN.iterdir()):
        files[f"{path.suffix[1:]} {path.stem}"] = (path.suffix, path.read_bytes())
    return files


def mutate(content, draw, head=200):
    """Bytes with bits flipped, cut short, with another header, or with parts swapped or doubled."""
    damaged, size = bytearray(content), len(content)
    way = draw.integers(6)
    start = int(draw.integers(max(size - 4, 1)))
    if way == 0:
        for place in draw.integers(0, size, draw.integers(1, 12)):
            damaged[place] ^= 1 << int(draw.integers(8))
    elif way == 1:
        del damaged[start:]
    elif way == 2:
        for place in draw.integers(0, min(size, head), draw.integers(1, 8)):
            damaged[place] = int(draw.integers(256))
    elif way == 3:
        number = int(draw.choice(EXTREMES))
        damaged[start : start + 4] = number.to_bytes(4, str(draw.choice(["little", "big"])))
    elif way == 4:
        width = int(draw.choice([12, draw.integers(4, 64)]))  # a TIFF tag takes 12
        one, other = sorted(int(x) for x in draw.integers(0, max(size - width, 1), 2))
        first, second = damaged[one : one + width], damaged[other : other + width]
        damaged[one : one + width], damaged[other : other + width] = second, first
    else:
        damaged[start:start] = damaged[start : start + int(draw.integers(1, 64))]
    return bytes(damaged)


def bombs():
    """Name and bytes of files whose headers claim far more than they hold, by what they claim."""
    for side in (15_000, 100_000, 2**32 - 1):
        yield f"{side}.png", _png(side, b"\0" * 1000)
        yield f"{side}.tif", _tiff(side)
        yield f"{side}.bmp", _bmp(side)
        yield f"{side}.jpg", _jpeg(side)
    yield "deflate.png", _png(7072, b"\0" * 60_000_000)
    single, several = (GOLDEN / name for name in ("single.dcm", "several.dcm"))
    yield "frames.dcm", several.read_bytes().replace(b"IS\x02\x006 ", b"IS\x08\x001000000 ")
    for rows in (15_000, 65_535):
        content = single.read_bytes()
        for tag in (b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"):
            place = content.index(tag) + len(tag)
            content = content[:place] + rows.to_bytes(2, "little") + content[place + 2 :]
        yield f"{rows}.dcm", content
    # A black picture of 8,000 x 8,000 pixels, as MPEG-4 really holds it.
    yield "giant.mp4", gzip.decompress((GOLDEN.parent / "giant.mp4.gz").read_bytes())
    content = bytearray((GOLDEN / "ffv1.avi").read_bytes())
    place = content.index(b"strf") + 12
    content[place : place + 8] = b"\xff\x7f\0\0\xff\x7f\0\0"
    yield "giant.avi", bytes(content)


def _png(side, pixels):
    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


def _tiff(side):
    tags = ((256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 122), (277, 1))
    tags += ((278, side), (279, 1000))
    listed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + listed + bytes(4 + 1000)


def _bmp(side):
    side = min(side, 2**31 - 1)
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 0, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + header + bytes(1024 + 500)


def _jpeg(side):
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, format="JPEG")
    content, side = buffer.getvalue(), min(side, 65_500).to_bytes(2, "big")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + side + side + content[place + 4 :]

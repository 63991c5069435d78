"""Files that mean harm: hours of silence in a few bytes, a thousand channels, lists of other files."""

from __future__ import annotations

import struct
from functools import reduce

BLOCK = 65535


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    """The checksum of FLAC's frames (RFC 9639, 9.1.8 and 9.3)."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1

    def step(crc: int, byte: int) -> int:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial) & mask if crc & top else crc << 1
        return crc

    return reduce(step, data, 0)


def _utf8(number: int) -> bytes:
    """A frame's number, coded as UTF-8 codes letters."""
    return chr(number).encode() if number < 0xD800 else chr(number + 0x800).encode()


def flac_of_silence(hours: float, *, rate: int = 44100, stated: bool = True) -> bytes:
    """A FLAC file of constant frames (RFC 9639, 9.2.3): 65535 samples in 14 bytes. Its header may say its length."""
    n_frames = int(hours * 3600 * rate / BLOCK) + 1
    total = n_frames * BLOCK if stated else 0
    info = struct.pack(">HH", BLOCK, BLOCK) + bytes(6) + (rate << 44 | 15 << 36 | total).to_bytes(8, "big") + bytes(16)
    frames = []
    for number in range(n_frames):
        head = b"\xff\xf8\x70\x08" + _utf8(number) + struct.pack(">H", BLOCK - 1)
        head += bytes([_crc(head, 0x07, 8)])
        frame = head + b"\x00\x00\x00"  # one subframe: constant, the value 0
        frames.append(frame + struct.pack(">H", _crc(frame, 0x8005, 16)))
    return b"fLaC\x80\x00\x00\x22" + info + b"".join(frames)


def wav_of_channels(channels: int, seconds: float = 2.0, rate: int = 8000) -> bytes:
    """A wav file of so many channels."""
    size = 2 * channels
    head = struct.pack("<HHIIHH", 1, channels, rate, min(rate * size, 2**32 - 1), size % 2**16, 16)
    data = (b"\x10\x20" * channels + b"\xf0\xe0" * channels) * int(seconds * rate / 2)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def playlists(target: str) -> dict[str, bytes]:
    """Files that would have a careless program open another file, or an address of the network."""
    texts = {
        "hls.m3u8": f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n",
        "hls in disguise.mp3": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n",
        "plain.m3u": f"{target}\n",
        "winamp.pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\n",
        "concat.txt": f"ffconcat version 1.0\nfile '{target}'\nduration 10\n",
        "sound.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f'<AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1"><BaseURL>{target}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "list.wpl": f'<?wpl version="1.0"?><smil><body><seq><media src="{target}"/></seq></body></smil>',
        "list.asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "imf.xml": f'<?xml version="1.0"?><CompositionPlaylist xmlns="x"><Id>{target}</Id></CompositionPlaylist>',
    }
    return {name: text.encode() for name, text in texts.items()}

#!/usr/bin/env python3
"""Render the demo pieces: mma -> MIDI -> fluidsynth -> ffmpeg.

    python3 demo/render.py             all ten, written beside this script
    python3 demo/render.py jazz rock   only these
    python3 demo/render.py --out DIR   written somewhere else

Needs the Debian packages mma, fluidsynth, fluid-soundfont-gm and ffmpeg, and
Python's standard library.  The sources seed mma's random numbers and ffmpeg
runs in bit-exact mode, so the same versions give the same files.
"""

from __future__ import annotations

import argparse
import array
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RATE = 44100
SECONDS = 30.05  # Windows Media loses its last frame, and 30 are to be left
PEAK_DB = -1.0


class Piece(NamedTuple):
    """How one piece is produced and encoded."""

    file: str  # the file written
    room: str  # fluidsynth reverb: "size damp level", each 0..1
    sound: str  # ffmpeg filters, the production
    codec: str  # ffmpeg output options


# Both work on a mix whose peak is at 0 dBFS: a little density, and a lot.
GLUE = "acompressor=threshold=0.2:ratio=3:attack=10:release=150,alimiter=level_in=2:limit=0.9:level=disabled:release=80"
LOUD = (
    "acompressor=threshold=0.15:ratio=4:attack=5:release=80:makeup=1.5,"
    "alimiter=level_in=2.4:limit=0.9:level=disabled:release=60"
)
MONO = "-ac 1 -ar 22050 -sample_fmt s16"

PIECES = {
    # An old record: narrow band, some saturation, nearly mono.
    "blues": Piece(
        "blues.mp3",
        "0.4 0.5 0.3",
        f"highpass=f=70,lowpass=f=7000,extrastereo=m=0.5,volume=3dB,asoftclip=type=tanh,{GLUE}",
        "-c:a libmp3lame -b:a 80k",
    ),
    # A hall, no compression.
    "classical": Piece(
        "classical.flac", "0.85 0.3 0.9", "highpass=f=40,lowpass=f=9500", f"-c:a flac -compression_level 8 {MONO}"
    ),
    "country": Piece("country.ogg", "0.35 0.4 0.3", f"highpass=f=60,treble=g=2:f=5000,{GLUE}", "-c:a libvorbis -q:a 2"),
    "disco": Piece("disco.m4a", "0.5 0.3 0.4", f"bass=g=2:f=90,treble=g=1.5:f=8000,{LOUD}", "-c:a aac -b:a 112k"),
    # Dry and heavy at the bottom, the sampled loop's top rolled off.
    "hiphop": Piece("hiphop.opus", "0.2 0.6 0.15", f"bass=g=4:f=70,treble=g=-2:f=9000,{LOUD}", "-c:a libopus -b:a 64k"),
    "jazz": Piece("jazz.wav", "0.5 0.4 0.45", "highpass=f=40,treble=g=-1:f=8000", f"-c:a pcm_s16le {MONO}"),
    # Amplifier first, then the mix squeezed hard.
    "metal": Piece(
        "метал.mp3",
        "0.3 0.5 0.2",
        "highpass=f=60,equalizer=f=500:t=q:w=1:g=-3,volume=9dB,asoftclip=type=tanh,"
        f"equalizer=f=2800:t=q:w=1:g=4,treble=g=3:f=6000,{LOUD}",
        "-c:a libmp3lame -b:a 112k",
    ),
    "pop": Piece(
        "pop.webm", "0.5 0.3 0.4", f"highpass=f=30,bass=g=2:f=80,treble=g=3:f=7000,{LOUD}", "-c:a libopus -b:a 64k"
    ),
    # Dub: deep bass, one dotted echo, soft top.
    "reggae": Piece(
        "reggae.wma",
        "0.55 0.4 0.35",
        f"bass=g=4:f=80,lowpass=f=12000,aecho=1:0.9:592:0.16,{GLUE}",
        "-c:a wmav2 -b:a 96k",
    ),
    "rock": Piece(
        "rock.aiff",
        "0.4 0.5 0.3",
        f"highpass=f=45,volume=6dB,asoftclip=type=tanh,equalizer=f=2500:t=q:w=1:g=3,{LOUD}",
        f"-c:a pcm_alaw -write_id3v2 1 {MONO}",
    ),
}


def run(*command: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command quietly; on failure show what it said and stop."""
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{(done.stdout + done.stderr).decode(errors='replace')}")
    return done


def ffmpeg(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg without its banner, in bit-exact mode."""
    return run("ffmpeg", "-nostdin", "-v", "error", "-y", *arguments)


def synthesise(name: str, room: str, work: Path) -> Path:
    """Turn NAME.mma into a float WAV in the folder `work`; return its path."""
    midi, wav = work / f"{name}.mid", work / f"{name}.wav"
    run("mma", "-f", midi, HERE / f"{name}.mma")
    size, damp, level = room.split()
    run(
        "fluidsynth",
        "-ni",
        "-q",
        "-g",
        "0.4",
        "-r",
        RATE,
        "-O",
        "float",
        "-T",
        "wav",
        "-o",
        f"synth.reverb.room-size={size}",
        "-o",
        f"synth.reverb.damp={damp}",
        "-o",
        f"synth.reverb.level={level}",
        "-F",
        wav,
        SOUND_FONT,
        midi,
    )
    return wav


def peak_of(wav: Path, filters: str) -> float:
    """The peak level after these filters, in dBFS."""
    done = ffmpeg("-i", wav, "-af", filters, "-f", "f32le", "-")
    samples = array.array("f", done.stdout)
    if sys.byteorder == "big":
        samples.byteswap()
    return 20 * math.log10(max(max(samples), -min(samples)))


def render(name: str, out: Path) -> Path:
    """Render one piece into the folder `out`; return the file's path."""
    piece = PIECES[name]
    filters = f"{piece.sound},atrim=end={SECONDS},afade=t=in:d=0.02,afade=t=out:st={SECONDS - 0.6}:d=0.6"
    if MONO in piece.codec:  # fold down and resample before the peak is measured
        filters += ",aformat=channel_layouts=mono,aresample=22050"
    target = out / piece.file
    with tempfile.TemporaryDirectory() as folder:
        wav = synthesise(name, piece.room, Path(folder))
        filters = f"volume={-peak_of(wav, 'anull'):.2f}dB,{filters}"
        gain = PEAK_DB - peak_of(wav, filters)
        for _ in range(3):  # lossy codecs overshoot: listen to the result and correct
            ffmpeg(
                "-i",
                wav,
                "-af",
                f"{filters},volume={gain:.2f}dB",
                "-map_metadata",
                "-1",
                "-metadata",
                "title=zhanr demo",
                "-metadata",
                "artist=zhanr demo",
                "-fflags",
                "+bitexact",
                "-flags:a",
                "+bitexact",
                "-threads",
                "1",
                *piece.codec.split(),
                target,
            )
            error = PEAK_DB - peak_of(target, "anull")
            if abs(error) < 0.1:
                break
            gain += error
    return target


def main() -> None:
    """Render the pieces named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description="Render zhanr's demo pieces.")
    parser.add_argument("names", nargs="*", metavar="genre", help="one of: " + ", ".join(PIECES))
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(PIECES))
    if unknown:
        parser.error("no such piece: " + ", ".join(unknown))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PIECES:
        target = render(name, arguments.out)
        print(f"{name:10} {target.stat().st_size:>9,} bytes  {target.name}", flush=True)


if __name__ == "__main__":
    main()

"""How the default model's encoder was made: seven taggers distilled into one network (docs/model.md has the results).

One command per stage, from the root of the repository, with the extra `dev`. S is a folder with GTZAN, labelled modern
music and the teachers; M is the folder `musicnn/MSD_musicnn` of the unpacked wheel `musicnn==0.1.0` from PyPI.

    python -m research.encoder.packages games
    python -m research.encoder.music --gtzan $S/gtzan --modern $S/modern --games games --out pieces.json
    python -m research.encoder.cache --pieces pieces.json --teachers $S/teachers --musicnn $M --out shards
    python -m research.encoder.train --shards shards --teachers $S/teachers --out run

`encoder.safetensors` is what the last of these ends with: the encoder (running mean of the weights, half precision),
the last layer `out` to the teachers' standardised outputs, and their means and deviations (`target.*`).

`teachers` runs the taggers, `targets` says in which order their numbers stand, `copies` and `picture` make what the
encoder reads, `batches` what it sees in one step, `network` is the encoder, started from mn04's weights, and
`styles.csv` is the merged vocabulary of the teachers' tags. The fit of the heads and the export ran from working
scripts that are not here yet.
"""

"""How the default model's encoder was made: seven taggers distilled into one network (docs/model.md has the results).

One command per stage, from the root of the repository, with the extra `dev`. S is a folder with GTZAN, labelled modern
music and the teachers; M is the folder `musicnn/MSD_musicnn` of the unpacked wheel `musicnn==0.1.0` from PyPI.

    python -m research.encoder.packages games
    python -m research.encoder.music --gtzan $S/gtzan --modern $S/modern --games games --out pieces.json
    python -m research.encoder.cache --pieces pieces.json --teachers $S/teachers --musicnn $M --out shards
    python -m research.encoder.train --shards shards --teachers $S/teachers --out run
    python -m research.encoder.sounds --games games --out sounds.npz
    python -m research.encoder.embed --encoder run/encoder.safetensors --shards shards --sounds sounds.npz \
        --out embeddings.npz $S/gtzan/mel128_train.npz $S/gtzan/mel128_valid.npz
    python -m research.encoder.head --embeddings embeddings.npz --encoder run/encoder.safetensors --shards shards \
        --teachers $S/teachers --out head.npz
    python -m research.encoder.export --encoder run/encoder.safetensors --head head.npz --embeddings embeddings.npz \
        --out default.onnx $S/gtzan/mel128_train.npz $S/gtzan/mel128_valid.npz

`encoder.safetensors` in this folder is what `train` ended with, so that heads can be fitted without the first stages'
hours: the encoder (running mean of the weights, half precision), the last layer `out` to the teachers' standardised
outputs, and their means and deviations (`target.*`). It came from forerunners of these commands with the same data,
losses, augmentation and start, in several runs, of which one was stopped by wrong pictures and begun again before them.

`teachers` runs the taggers, `targets` says in which order their numbers stand, `copies` and `picture` make what the
encoder reads, `batches` what it sees in one step, `network` is the encoder, started from mn04's weights, `songs` and
`logistic` are the parts of `head`, `measures` says how good it is, and `styles` with `styles.csv` merges the teachers'
tags.
"""

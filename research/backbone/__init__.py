"""How the default network was made: `research.backbone.network`, distilled from MSD_musicnn, then fitted on GTZAN.

One command per stage, from the root of the repository, with the extra `dev` installed. M is the folder
`musicnn/MSD_musicnn` of the unpacked wheel `musicnn==0.1.0` from PyPI; S holds the stores and the audio of GTZAN;
OTHER_MUSIC is a folder of any recordings that are not GTZAN's: the first two stages read no label, and stage 4 says how
often such music is stopped.

    python -m research.backbone.targets --musicnn $M --out pairs0.npz $S/audio OTHER_MUSIC
    python -m research.backbone.targets --musicnn $M --out pairs1.npz --augment 1 $S/audio OTHER_MUSIC
    python -m research.backbone.distill --musicnn $M --out first.safetensors pairs0.npz pairs1.npz
    python -m research.backbone.distill --musicnn $M --init first.safetensors --out second.safetensors \
        --steps 1800 --rate 0.0015 --seed 1 pairs0.npz pairs1.npz
    python -m research.backbone.distill --musicnn $M --init second.safetensors --out tower.safetensors \
        --steps 1200 --rate 0.0012 --seed 2 pairs0.npz pairs1.npz
    python -m research.backbone.features --tower tower.safetensors --pairs pairs0.npz --out features.npz \
        $S/mel128_train.npz $S/mel128_valid.npz
    python -m research.backbone.fit --features features.npz --tower tower.safetensors --out .
    python -m research.backbone.export --weights weights.safetensors --card card.json --out backbone.onnx \
        $S/mel128_train.npz $S/mel128_valid.npz

The first tower did not come from this very command but from forerunners of `distill`, with the same data, losses,
augmentation and start: 730 steps without the 2-D branch on the first pairs, then 2260 steps with it on both. Everything
after it is the commands' own work. `musicnn` was held against a full port of the published network, and never against
TensorFlow itself.

`grid` and `tf_checkpoint` serve the first two stages; `head` and `score` are the parts of `fit`.
"""

"""How the default model's encoder was made: seven taggers distilled into one network (docs/model.md has the results).

`teachers` runs the taggers, `copies` and `picture` make what the encoder reads, `network` is the encoder, started from
mn04's weights, and `styles.csv` is the merged vocabulary of the teachers' tags. The loop of the distillation, the fit
of the heads and the export ran from working scripts that are not here yet: these parts alone don't make the file again.
`encoder.safetensors` holds what the loop ended with (1,990 steps, running mean of the weights, half precision): the
encoder, the last layer `out` to the teachers' standardised outputs, and their means and deviations (`target.*`).
"""

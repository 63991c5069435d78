"""The bench: data sets, networks, training, honest evaluation, figures, hand-made features, studies (`zhanr lab`)."""

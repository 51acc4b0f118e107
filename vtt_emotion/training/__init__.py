"""From indexes to a trained network: samples, augmentation, one training step, one fit loop, runs."""

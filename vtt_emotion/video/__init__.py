"""From a video to emotions: frames, shots, faces, tracks, names, the network's step. No torch at import."""

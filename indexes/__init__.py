"""What every stage reads and writes: the indexes, the emotion table, images and the one crop, each dataset's facts."""

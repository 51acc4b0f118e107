"""What every stage needs: errors, the command line, whole files, images and the one crop, the emotion table."""

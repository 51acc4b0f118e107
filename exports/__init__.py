"""Results for other tools: tables, ELAN, subtitles, Praat. One file a format."""

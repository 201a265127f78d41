"""DeePMD-kit's model files, read and written: `.dp`, `.yaml` and, to read, `.pt` checkpoints."""

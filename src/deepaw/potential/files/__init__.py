"""DeePMD-kit's model files: reading and writing of `.dp` and `.yaml`, reading of `.pt` checkpoints."""

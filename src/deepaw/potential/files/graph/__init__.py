"""Frozen graphs of DeePMD-kit's TensorFlow backend (`.pb`, `.pbtxt`), read as data: nothing in them is executed."""

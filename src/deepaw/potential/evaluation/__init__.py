"""Evaluation of trained potentials: frames given as arrays, comparison with labelled data, accuracy and speed."""

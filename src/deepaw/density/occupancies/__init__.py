"""PAW occupancies: the atomic density matrices that belong to a density, and how a model predicts them.

channels.py    projector channels of an element
coupling.py    matrix D of an atom <-> irreducible components x
augmentation.py   D <-> the numbers of a CHGCAR
setup.py       PAW setup of an element: channels, fingerprint, compensation charges
readout.py     linear equivariant readout of an atom network's features
fit.py         its weights in closed form;  loss.py  as part of a training
data.py        matrices beside calculated densities;  npz.py, chgcar.py  the files they are in
errors.py      error of an element
"""

"""Input files as the pages of DeePMD-kit's documentation show them, by page; only `numb_steps` is made small.

A page shows the sections that it is about. The others are those of the complete input that it refers to, which for most
pages is that of water with se_e2_a.
"""

from __future__ import annotations

import copy
from typing import Any

STEPS = 2

WATER: dict[str, Any] = {
    "_comment": " model parameters",
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {
            "type": "se_e2_a",
            "rcut_smth": 0.50,
            "rcut": 6.00,
            "sel": [46, 92],
            "neuron": [25, 50, 100],
            "type_one_side": True,
            "axis_neuron": 16,
            "resnet_dt": False,
            "seed": 1,
        },
        "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, "seed": 1, "_comment": " that's all"},
        "_comment": " that's all",
    },
    "learning_rate": {"type": "exp", "decay_steps": 5000, "start_lr": 0.001, "stop_lr": 3.51e-8},
    "loss": {
        "type": "ener",
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 1000,
        "limit_pref_f": 1,
        "start_pref_v": 0,
        "limit_pref_v": 0,
        "_comment": " that's all",
    },
    "training": {
        "training_data": {
            "systems": ["../data/data_0/", "../data/data_1/", "../data/data_2/"],
            "batch_size": "auto",
            "_comment": "that's all",
        },
        "validation_data": {"systems": ["../data/data_3"], "batch_size": 1, "numb_btch": 3},
        "numb_steps": STEPS,
        "seed": 10,
        "disp_file": "lcurve.out",
        "disp_freq": 100,
        "save_freq": 1000,
    },
}
"""examples/water/se_e2_a/input.json, with the descriptor of train-se-e2-a and the sections of train-energy."""

RADIAL = {
    "type": "se_e2_r",
    "sel": [46, 92],
    "rcut_smth": 0.50,
    "rcut": 6.00,
    "neuron": [5, 10, 20],
    "resnet_dt": False,
    "seed": 1,
    "_comment": " that's all",
}
ATTENTION = {
    "type": "se_atten",
    "rcut_smth": 0.50,
    "rcut": 6.00,
    "sel": 120,
    "neuron": [25, 50, 100],
    "axis_neuron": 16,
    "resnet_dt": False,
    "attn": 128,
    "attn_layer": 2,
    "attn_mask": False,
    "attn_dotr": True,
    "seed": 1,
}
TENSOR_DESCRIPTOR = {
    "type": "se_e2_a",
    "sel": [46, 92],
    "rcut_smth": 3.80,
    "rcut": 4.00,
    "neuron": [25, 50, 100],
    "resnet_dt": False,
    "axis_neuron": 6,
    "precision": "float64",
    "seed": 1,
}
TENSOR_FITTING = {"sel_type": [0], "neuron": [100, 100, 100], "resnet_dt": True, "seed": 1}
WANNIER_DESCRIPTOR = {
    "type": "se_e2_a",
    "sel": [46, 92],
    "rcut_smth": 0.50,
    "rcut": 6.00,
    "neuron": [16, 32, 64],
    "resnet_dt": False,
    "axis_neuron": 8,
    "precision": "float64",
    "seed": 1,
}


def _water(model: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Return the input of water with other entries of `model`, None to leave one out, and other sections."""
    content = copy.deepcopy(WATER) | sections
    content["model"] |= model
    content["model"] = {key: value for key, value in content["model"].items() if value is not None}
    return content


def _tensor(kind: str) -> dict[str, Any]:
    """examples/water_tensor, with the sections of train-fitting-tensor."""
    systems = {
        part: [f"./{part}/atomic_system", f"./{part}/global_system"] for part in ("training_data", "validation_data")
    }
    return _water(
        {"descriptor": TENSOR_DESCRIPTOR, "fitting_net": {"type": kind, **TENSOR_FITTING}},
        learning_rate={"type": "exp", "start_lr": 0.01, "decay_steps": 5000},
        loss={"type": "tensor", "pref": 1.0, "pref_atomic": 1.0},
        training={
            "training_data": {"systems": systems["training_data"], "batch_size": "auto"},
            "validation_data": {"systems": systems["validation_data"], "batch_size": 1, "numb_btch": 3},
            "numb_steps": STEPS,
            "seed": 10,
            "disp_file": "lcurve.out",
            "disp_freq": 100,
            "save_freq": 1000,
        },
    )


def _dplr(model: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """examples/water/dplr/train, with the sections of dplr."""
    training = {
        "training_data": {"systems": ["data"], "batch_size": "auto", "set_prefix": "set"},
        "numb_steps": STEPS,
        "seed": 1,
        "disp_file": "lcurve.out",
        "disp_freq": 100,
        "save_freq": 500,
    }
    return _water({"descriptor": WANNIER_DESCRIPTOR, **model}, training=training, **sections)


INPUTS: dict[str, dict[str, Any]] = {
    "train-se-e2-a": WATER,
    "train-se-e2-r": _water({"descriptor": RADIAL}),
    "train-se-e3": _water(
        {
            "descriptor": {
                "type": "se_e3",
                "sel": [40, 80],
                "rcut_smth": 0.50,
                "rcut": 6.00,
                "neuron": [2, 4, 8],
                "resnet_dt": False,
                "seed": 1,
                "_comment": " that's all",
            }
        }
    ),
    "train-se-e2-a-tebd": _water({"type_embedding": {"neuron": [2, 4, 8], "resnet_dt": False, "seed": 1}}),
    "train-se-atten": _water({"descriptor": ATTENTION}),
    "train-se-atten, type_embedding": _water(
        {"descriptor": ATTENTION, "type_embedding": {"neuron": [8], "resnet_dt": False, "seed": 1}}
    ),
    "train-se-atten, se_atten_v2": _water({"descriptor": {**ATTENTION, "type": "se_atten_v2"}}),
    "train-se-atten, dpa1": _water(
        {
            "descriptor": {
                "type": "dpa1",
                "sel": 120,
                "rcut_smth": 0.5,
                "rcut": 6.0,
                "neuron": [25, 50, 100],
                "tebd_dim": 8,
                "axis_neuron": 16,
                "type_one_side": True,
                "attn": 128,
                "attn_layer": 2,
                "attn_dotr": True,
                "attn_mask": False,
                "activation_function": "tanh",
                "scaling_factor": 1.0,
                "normalize": True,
                "temperature": 1.0,
            }
        },
        training={"stat_file": "./dpa1.hdf5", **WATER["training"]},
    ),
    "train-hybrid": _water(
        {
            "descriptor": {
                "type": "hybrid",
                "list": [
                    {
                        "type": "se_e2_a",
                        "sel": [20, 40],
                        "rcut_smth": 0.50,
                        "rcut": 4.00,
                        "neuron": [10, 20, 40],
                        "resnet_dt": False,
                        "axis_neuron": 4,
                        "seed": 1,
                        "_comment": " that's all",
                    },
                    RADIAL,
                ],
            }
        }
    ),
    "train-se-a-mask": {
        "model": {
            "type_map": ["C", "O", "N", "H", "S", "ZN"],
            "descriptor": {
                "type": "se_a_mask",
                "sel": [36, 16, 24, 64, 6, 1],
                "neuron": [25, 50, 100],
                "axis_neuron": 16,
                "type_one_side": False,
                "resnet_dt": False,
                "seed": 1,
            },
            "fitting_net": {
                "neuron": [240, 240, 240],
                "resnet_dt": True,
                "seed": 1,
                "numb_aparam": 1,
                "use_aparam_as_mask": True,
            },
        },
        "learning_rate": {"type": "exp", "decay_steps": 20000, "start_lr": 0.001, "stop_lr": 3.51e-8},
        "loss": {
            "type": "ener",
            "start_pref_e": 0.0,
            "limit_pref_e": 0.0,
            "start_pref_f": 0.0,
            "limit_pref_f": 0.0,
            "start_pref_pf": 1.0,
            "limit_pref_pf": 1.0,
            "_comment": " that's all",
        },
        "training": {
            "training_data": {"systems": ["data_dp_mask"], "batch_size": 2},
            "validation_data": {"systems": ["data_dp_mask"], "batch_size": 2, "numb_btch": 1},
            "numb_steps": STEPS,
            "seed": 10,
            "disp_freq": 100,
            "save_freq": 1000,
            "tensorboard": True,
            "tensorboard_log_dir": "log4tensorboard",
            "tensorboard_freq": 100,
        },
    },
    "train-fitting-tensor, dipole": _tensor("dipole"),
    "train-fitting-tensor, polar": _tensor("polar"),
    "pairtab": _water(
        {
            "use_srtab": "H2O_tab_potential.txt",
            "smin_alpha": 0.1,
            "sw_rmin": 0.8,
            "sw_rmax": 1.0,
            "_comment": "Below uses a normal DP model",
        }
    ),
    "dplr, dw.json": _dplr(
        {"fitting_net": {"type": "dipole", "dipole_type": [0], "neuron": [128, 128, 128], "seed": 1}},
        learning_rate={"type": "exp", "start_lr": 0.01, "stop_lr": 1e-7, "decay_steps": 5000},
        loss={"type": "tensor", "pref": 0.0, "pref_atomic": 1.0},
    ),
    "dplr, ener.json": _dplr(
        {
            "fitting_net": {"neuron": [128, 128, 128], "resnet_dt": True, "seed": 108835393},
            "modifier": {
                "type": "dipole_charge",
                "model_name": "dw.safetensors",
                "model_charge_map": [-8],
                "sys_charge_map": [6, 1],
                "ewald_h": 1.00,
                "ewald_beta": 0.40,
            },
        }
    ),
    "loc_frame": _water(
        {
            "descriptor": {
                "type": "loc_frame",
                "sel_a": [16, 32],
                "sel_r": [30, 60],
                "rcut": 6.00,
                "axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
            },
            "fitting_net": {"neuron": [240, 120, 60, 30, 10], "resnet_dt": True, "seed": 1},
        }
    ),
}
"""Inputs by page (doc/model/*.md), with a name where a page shows several; loc_frame has none.

The name of the dipoles' model is the one change: the page's is dw.pb, which DeePMD-kit's TensorFlow backend writes.
"""

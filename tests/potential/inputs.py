"""Typical input files of potentials."""

WATER = """
{
    "_comment": " model parameters",
    "model": {
        "type_map":     ["O", "H"],
        "descriptor": {
            "type":             "se_e2_a",
            "sel":              [46, 92],
            "rcut_smth":        0.50,
            "rcut":             6.00,
            "neuron":           [25, 50, 100],
            "resnet_dt":        false,
            "axis_neuron":      16,
            "type_one_side":    true,
            "precision":        "float64",
            "seed":             1,
            "_comment":         " that's all"
        },
        "fitting_net": {
            "neuron":           [240, 240, 240],
            "resnet_dt":        true,
            "precision":        "float64",
            "seed":             1,
            "_comment":         " that's all"
        },
        "_comment":     " that's all"
    },
    "learning_rate": {
        "type":         "exp",
        "decay_steps":  5000,
        "start_lr":     0.001,
        "stop_lr":      3.51e-8,
        "_comment":     "that's all"
    },
    "loss": {
        "type":         "ener",
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 1000,
        "limit_pref_f": 1,
        "start_pref_v": 0,
        "limit_pref_v": 0,
        "_comment":     " that's all"
    },
    "training": {
        "training_data": {
            "systems":    ["../data/data_0/", "../data/data_1/", "../data/data_2/"],
            "batch_size": "auto",
            "_comment":   "that's all"
        },
        "validation_data": {
            "systems":    ["../data/data_3"],
            "batch_size": 1,
            "numb_btch":  3,
            "_comment":   "that's all"
        },
        "numb_steps":   1000000,
        "seed":         10,
        "disp_file":    "lcurve.out",
        "disp_freq":    100,
        "save_freq":    1000,
        "_comment":     "that's all"
    },
    "_comment":         "that's all"
}
"""

METHANE = """
{
    "_comment": "that's all",
    "model": {
        "type_map": ["H", "C"],
        "descriptor": {
            "type": "se_e2_a",
            "sel": "auto",
            "rcut_smth": 0.50,
            "rcut": 6.00,
            "neuron": [10, 20, 40],
            "resnet_dt": false,
            "axis_neuron": 4,
            "seed": 1
        },
        "fitting_net": {
            "neuron": [100, 100, 100],
            "resnet_dt": true,
            "seed": 1
        }
    },
    "learning_rate": {"type": "exp", "decay_steps": 50, "start_lr": 0.001, "stop_lr": 3.51e-8},
    "loss": {
        "type": "ener",
        "start_pref_e": 0.02, "limit_pref_e": 1,
        "start_pref_f": 1000, "limit_pref_f": 1,
        "start_pref_v": 0, "limit_pref_v": 0
    },
    "training": {
        "training_data": {"systems": ["../00.data/training_data"], "batch_size": "auto"},
        "validation_data": {"systems": ["../00.data/validation_data"], "batch_size": "auto", "numb_btch": 1},
        "numb_steps": 10000,
        "seed": 10,
        "disp_file": "lcurve.out",
        "disp_freq": 200,
        "save_freq": 1000
    }
}
"""

FIRST = """
{
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {"type": "se_a", "sel": [46, 92], "n_axis_neuron": 8, "rcut": 6.0, "neuron": [25, 50, 100]},
        "fitting_net": {"n_neuron": [240, 240, 240]}
    },
    "learning_rate": {"type": "exp", "start_lr": 0.005, "decay_steps": 5000, "decay_rate": 0.95},
    "loss": {"start_pref_e": 0.02, "limit_pref_e": 2},
    "training": {
        "systems": ["../data/"],
        "set_prefix": "set",
        "batch_size": [4],
        "sys_weights": [1],
        "stop_batch": 100000,
        "numb_test": 10,
        "disp_training": true,
        "time_training": true,
        "profiling": false,
        "profiling_file": "timeline.json"
    }
}
"""
"""The layout of DeePMD-kit 1."""

COMPLETED = {
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {
            "type": "se_e2_a",
            "sel": [46, 92],
            "rcut_smth": 0.5,
            "rcut": 6.0,
            "neuron": [5, 10, 20],
            "resnet_dt": False,
            "axis_neuron": 4,
            "type_one_side": True,
            "precision": "float64",
            "seed": 1,
            "activation_function": "tanh",
            "trainable": True,
            "exclude_types": [],
            "env_protection": 0.0,
            "set_davg_zero": False,
        },
        "fitting_net": {
            "neuron": [24, 24, 24],
            "resnet_dt": True,
            "precision": "float64",
            "seed": 1,
            "type": "ener",
            "numb_fparam": 0,
            "numb_aparam": 0,
            "default_fparam": None,
            "dim_case_embd": 0,
            "activation_function": "tanh",
            "trainable": True,
            "rcond": None,
            "atom_ener": [],
            "use_aparam_as_mask": False,
        },
        "data_stat_nbatch": 2,
        "data_stat_protect": 0.01,
        "data_bias_nsample": 10,
        "pair_exclude_types": [],
        "atom_exclude_types": [],
        "preset_out_bias": None,
        "srtab_add_bias": True,
        "type": "standard",
        "model_branch_alias": [],
        "info": {},
        "bridging_method": "None",
        "bridging_r_inner": 0.5,
        "bridging_r_outer": 0.8,
    },
    "learning_rate": {
        "type": "exp",
        "decay_steps": 5,
        "start_lr": 0.001,
        "stop_lr": 1e-05,
        "stop_lr_ratio": None,
        "warmup_steps": 0,
        "warmup_ratio": None,
        "warmup_start_factor": 0.0,
        "scale_by_worker": "linear",
        "decay_rate": None,
        "smooth": False,
    },
    "loss": {
        "type": "ener",
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 1000,
        "limit_pref_f": 1,
        "start_pref_v": 0,
        "limit_pref_v": 0,
        "start_pref_h": 0.0,
        "limit_pref_h": 0.0,
        "start_pref_ae": 0.0,
        "limit_pref_ae": 0.0,
        "start_pref_pf": 0.0,
        "limit_pref_pf": 0.0,
        "use_default_pf": False,
        "enable_atom_ener_coeff": False,
        "start_pref_gf": 0.0,
        "limit_pref_gf": 0.0,
        "numb_generalized_coord": 0,
        "use_huber": False,
        "loss_func": "mse",
        "f_use_norm": False,
        "huber_delta": 0.01,
        "intensive_ener_virial": False,
    },
    "training": {
        "training_data": {
            "systems": ["data_0"],
            "batch_size": 1,
            "rglob_patterns": None,
            "auto_prob": "prob_sys_size",
            "sys_probs": None,
            "min_pair_dist": 0.0,
        },
        "numb_steps": 5,
        "seed": 10,
        "disp_file": "lcurve.out",
        "disp_freq": 5,
        "save_freq": 5,
        "validation_data": None,
        "stat_file_mode": "update",
        "save_dir": None,
        "save_ckpt": "model.ckpt",
        "max_ckpt_keep": 5,
        "ckpt_keep_ratio": None,
        "enable_ema": False,
        "ema_decay": 0.999,
        "ema_ckpt_keep": None,
        "change_bias_after_training": False,
        "disp_training": True,
        "time_training": True,
        "disp_avg": False,
        "profiling": False,
        "profiling_file": "timeline.json",
        "enable_profiler": False,
        "tensorboard": False,
        "tensorboard_log_dir": "log",
        "tensorboard_freq": 1,
        "acc_freq": 1,
        "zero_stage": 0,
        "neighbor_graph_method": "auto",
        "enable_compile": False,
        "enable_tf32": False,
    },
    "optimizer": {"type": "Adam", "adam_beta1": 0.9, "adam_beta2": 0.999, "weight_decay": 0.0},
    "validating": {},
}
"""out.json of DeePMD-kit 3.2.0: an input with all defaults."""

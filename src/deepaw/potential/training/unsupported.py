"""Keys of DeePMD-kit's input.json that are not supported."""

from __future__ import annotations

import re
import warnings
from typing import Any

from deepaw.errors import InputError

REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "model.type": (("standard",), 'only "standard" models, a descriptor and a fitting net, are'),
    "model.model_dict": ((), "train one model at a time, with model.descriptor and model.fitting_net"),
    "model.shared_dict": ((), "train one model at a time, with model.descriptor and model.fitting_net"),
    "model.preset_out_bias": ((None,), "the energies of types are fitted to the data"),
    "model.type_embedding.trainable": ((True,), "it is trained as the descriptor is"),
    "model.descriptor.attn_mask": ((False,), "a neighbour attends to itself, too"),
    "model.descriptor.lmax": ((1, None), "rows have their three angular components"),
    "model.compress": ((), "models are as fast as compressed ones as they are"),
    "model.spin": ((), "atoms with spins are not"),
    "model.bridging_method": (("None", "none"), "short-range bridging is not"),
    "model.finetune_head": ((), "models have one fitting net"),
    "model.fitting_net_dict": ((), "train one model at a time, with model.fitting_net"),
    "model.fitting_net.rcond": ((None,), "the energies of types are the least-squares solution of smallest norm"),
    "model.fitting_net.dim_case_embd": ((0,), "train one model at a time"),
    "model.fitting_net.layer_name": ((), "every type has its own fitting net"),
    "loss.start_pref_h": ((0,), "hessians are not"),
    "loss.limit_pref_h": ((0,), "hessians are not"),
    "loss.start_pref_gf": ((0,), "generalised forces are not"),
    "loss.limit_pref_gf": ((0,), "generalised forces are not"),
    "loss.enable_atomic_weight": ((False,), "every selected atom counts alike"),
    "loss.enable_atom_ener_coeff": ((False,), "energies are plain sums over atoms"),
    "training.training_data.min_pair_dist": ((0, None), "take frames with atoms that close out of the data"),
    "loss_dict": ((), "train one model at a time, with loss"),
    "training.data_dict": ((), "train one model at a time, with training.training_data"),
    "training.fitting_weight": ((), "train one model at a time"),
    "training.model_prob": (({},), "train one model at a time"),
    "training.num_epoch_dict": (({},), "use training.num_epoch"),
    "training.save_dir": ((None,), "write the folder into training.save_ckpt"),
    "training.ckpt_keep_ratio": ((None,), "use training.max_ckpt_keep"),
    "training.acc_freq": ((1,), "use a larger training.training_data.batch_size"),
    "training.zero_stage": ((0,), "every process holds the whole model"),
    "training.enable_tf32": ((False,), "use float32 as model.fitting_net.precision and model.descriptor.precision"),
    "training.disp_avg": ((False,), "the learning curve shows single batches"),
    "validating": (({}, {"full_validation": False}), "use training.validation_data"),
    "nvnmd": (({"enable": False},), "models for NVNMD hardware are not"),
}
"""By place of the key: values without effect, and the reason why others are refused or what to write instead."""

WITHOUT_EFFECT: dict[str, tuple[tuple[Any, ...], str]] = {
    "model.model_branch_alias": (([],), "a model has no branches"),
    "model.info": (({},), "it is not kept"),
    "model.bridging_r_inner": ((0.5,), "it belongs to model.bridging_method"),
    "model.bridging_r_outer": ((0.8,), "it belongs to model.bridging_method"),
    "loss.numb_generalized_coord": ((0,), "generalised forces are not supported"),
    "training.training_data.set_prefix": (("set",), "sets are the folders set.*"),
    "training.validation_data.set_prefix": (("set",), "sets are the folders set.*"),
    "training.numb_test": ((), "training.validation_data says what to test on"),
    "training.disp_training": ((True,), "the learning curve is always written"),
    "training.time_training": ((True, False), ""),
    "training.profiling": ((False,), "there is no profile"),
    "training.profiling_file": (("timeline.json",), "there is no profile"),
    "training.enable_profiler": ((False,), "there is no profile"),
    "training.tensorboard": ((False,), "training.disp_file holds the learning curve"),
    "training.tensorboard_log_dir": (("log",), "training.disp_file holds the learning curve"),
    "training.tensorboard_freq": ((1,), "training.disp_file holds the learning curve"),
    "training.stat_file": ((), "statistics of the data are calculated at every start"),
    "training.stat_file_mode": (("update",), "statistics of the data are calculated at every start"),
    "training.neighbor_graph_method": (("auto",), "there is one kind of neighbour list"),
    "training.enable_compile": ((False,), "there is nothing to choose"),
}
"""Keys without effect on results, by place: values accepted silently, and the reason in the warning for others."""


_PART = re.compile(r"\.list\[\d+\](?=\.)")
"""Index of a part of a hybrid, in the place of a key."""


def drop_unsupported(content: dict[str, Any], names: dict[str, str], inside: str = "") -> dict[str, Any]:
    """Return the content without unsupported keys that have no effect, with a warning if one was meant to have one.

    Keys of a part of a hybrid are those of a descriptor. names: names in messages of places that have moved; inside:
    place of `content`, with a dot.

    Raises InputError: an unsupported key with an effect.
    """
    supported: dict[str, Any] = {}
    for key, value in content.items():
        place = f"{inside}{key}"
        general = _PART.sub("", place)
        if general in REFUSED:
            neutral, reason = REFUSED[general]
            if value not in neutral:
                raise InputError(f"{names.get(place, place)} is not supported: {reason}.")
        elif general in WITHOUT_EFFECT:
            silent, reason = WITHOUT_EFFECT[general]
            if value not in silent:
                warnings.warn(f"{names.get(place, place)} has no effect: {reason}", stacklevel=2)
        elif isinstance(value, list):
            supported[key] = [
                drop_unsupported(entry, names, f"{place}[{number}].") if isinstance(entry, dict) else entry
                for number, entry in enumerate(value)
            ]
        else:
            supported[key] = drop_unsupported(value, names, f"{place}.") if isinstance(value, dict) else value
    return supported

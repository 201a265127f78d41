import numpy as np
import torch

from deepaw.density.occupancies.channels import channels_of_text
from deepaw.density.occupancies.coupling import coupling_of
from deepaw.density.occupancies.data import AtomicMatrices
from deepaw.density.occupancies.fit import FitSample, fit_readout
from deepaw.density.occupancies.loss import OccupancyLoss
from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.targets import set_statistics, targets_of

CHANNELS = {"O": channels_of_text("O", "s s p p"), "H": channels_of_text("H", "s p")}
NUMBERS = np.array([8, 1, 1])
SYMBOLS = ["O", "H", "H"]


def truth() -> OccupancyReadout:
    """A readout with random weights; two degrees of features."""
    torch.manual_seed(1)
    readout = OccupancyReadout(CHANNELS, 6, 2)
    for weight in [*readout.weights, readout.bias]:
        torch.nn.init.normal_(weight)
    return readout.requires_grad_(False)


def structures(readout: OccupancyReadout, count: int) -> list[tuple[list[torch.Tensor], AtomicMatrices]]:
    """Features, and the matrices that the readout makes of them."""
    generator = torch.Generator().manual_seed(2)
    result = []
    for number in range(count):
        features = [torch.randn(3, 6, 2 * degree + 1, generator=generator) for degree in range(3)]
        matrices = [matrix for matrix in readout.matrices(features, NUMBERS) if matrix is not None]
        result.append((features, AtomicMatrices(str(number), {}, matrices)))
    return result


def prepared(count: int = 30) -> tuple[OccupancyReadout, list[FitSample], list[AtomicMatrices]]:
    made = structures(truth(), count)
    readout = OccupancyReadout(CHANNELS, 6, 2)
    targets = [targets_of(matrices, SYMBOLS, readout) for _, matrices in made]
    set_statistics(readout, targets)
    samples = [
        FitSample(features, target, f"type {number % 7}")
        for number, ((features, _), target) in enumerate(zip(made, targets, strict=True))
    ]
    return readout, samples, [matrices for _, matrices in made]


def test_statistics_are_mean_and_spread() -> None:
    readout, _, matrices = prepared()
    coupling = coupling_of(CHANNELS["O"].degrees)
    oxygen = coupling.split(coupling.couple(np.stack([of.matrices[0] for of in matrices])))
    rows = next(element for element in readout.elements if element.symbol == "O").rows
    assert np.allclose(readout.mean[rows[0]], oxygen[0][..., 0].mean(axis=0), atol=1e-5)
    assert np.allclose(readout.scales[1][rows[1]].detach(), np.sqrt((oxygen[1] ** 2).mean(axis=(0, 2))), rtol=1e-4)
    assert np.allclose(
        readout.mean_matrix("O"), coupling.uncouple(coupling.join([oxygen[0].mean(axis=0)[None]]))[0], atol=1e-5
    )


def test_a_linear_law_is_found() -> None:
    readout, samples, matrices = prepared()
    fit_readout(readout, samples)
    for sample, expected in zip(samples, matrices, strict=True):
        for mine, matrix in zip(readout.matrices(sample.features, NUMBERS), expected.matrices, strict=True):
            assert mine is not None
            assert np.allclose(mine, matrix, atol=1e-3)


def test_one_structure_leaves_the_mean() -> None:
    readout, samples, matrices = prepared(1)
    fit_readout(readout, samples)
    other = [torch.randn_like(block) for block in samples[0].features]
    found = readout.matrices(other, NUMBERS)[0]
    assert found is not None
    assert np.abs(found - readout.mean_matrix("O")).sum() < 0.2 * np.abs(matrices[0].matrices[0]).sum()


def test_a_trained_readout_is_corrected() -> None:
    """What it knows of degree 2 alone stays where one sample leaves nothing to validate a correction with."""
    readout, samples, matrices = prepared()
    fit_readout(readout, samples)
    again = readout.state_dict()
    kept = {name: value.clone() for name, value in again.items()}
    fit_readout(readout, samples[:1])
    for name, value in readout.state_dict().items():
        torch.testing.assert_close(value, kept[name], atol=1e-3, rtol=1e-3)
    with torch.no_grad():
        readout.weights[1].add_(0.3)
    fit_readout(readout, samples)
    for mine, matrix in zip(readout.matrices(samples[4].features, NUMBERS), matrices[4].matrices, strict=True):
        assert mine is not None
        assert np.abs(mine - matrix).sum() < 1e-3 * np.abs(matrix).sum()


def test_loss_is_proportional_to_the_error() -> None:
    readout, samples, _ = prepared()
    loss = OccupancyLoss(readout, [sample.targets for sample in samples])
    targets, sizes = samples[0].targets, [len(NUMBERS)]
    exact = {symbol: (of_element.atoms, of_element.blocks) for symbol, of_element in targets.items()}
    assert float(loss(exact, sizes, [targets])) < 1e-5
    predicted = readout(samples[0].features, NUMBERS)
    value = loss(predicted, sizes, [targets])
    assert value > 0.1
    doubled = {
        symbol: (atoms, [2 * a - b for a, b in zip(blocks, targets[symbol].blocks, strict=True)])
        for symbol, (atoms, blocks) in predicted.items()
    }
    assert torch.isclose(loss(doubled, sizes, [targets]), 2 * value, rtol=1e-4)
    value.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in readout.weights)


def test_loss_of_structures_together_is_the_sum() -> None:
    readout, samples, _ = prepared()
    loss = OccupancyLoss(readout, [sample.targets for sample in samples])
    alone = sum(
        loss(readout(sample.features, NUMBERS), [len(NUMBERS)], [sample.targets]) for sample in (samples[0], samples[2])
    )
    joined = [torch.cat(blocks) for blocks in zip(*(sample.features for sample in samples[:3]), strict=True)]
    together = loss(
        readout(joined, np.tile(NUMBERS, 3)), [len(NUMBERS)] * 3, [samples[0].targets, None, samples[2].targets]
    )
    assert torch.isclose(together, alone, rtol=1e-5)

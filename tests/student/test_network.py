import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from echodfkd.errors import InputError, StudyError
from echodfkd.student.convlstm import ConvLSTM
from echodfkd.student.network import Network, NetworkSettings, flops_per_frame, parameter_count, seeded_network

# Trainable parameters of the published release, blocks by layers.
PUBLISHED = {
    1: (5_701, 16_141, 26_581, 37_021),
    2: (39_577, 91_633, 143_689, 195_745),
    3: (174_721, 392_953, 611_185, 829_417),
    4: (714_577, 1_596_937, 2_479_297, 3_361_657),
}
SHAPES = [
    {"blocks": 1},
    {"blocks": 2, "layers": 2, "filters": 4},
    {"blocks": 3, "skip": "all", "filters": 4, "structures": ("lv", "la", "myocardium")},
    {"blocks": 4, "skip": "last", "filters": 3},
]


def frames(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("blocks", PUBLISHED)
@pytest.mark.parametrize("layers", range(1, 5))
def test_parameters_are_those_of_the_published_release(blocks, layers):
    settings = NetworkSettings(blocks=blocks, layers=layers)
    with torch.device("meta"):
        counted = sum(parameter.numel() for parameter in Network(settings).parameters())
    assert parameter_count(settings) == counted == PUBLISHED[blocks][layers - 1]


@pytest.mark.parametrize(
    ("blocks", "layers", "giga"), [(1, 1, 0.141), (2, 1, 0.401), (3, 1, 0.661), (4, 1, 0.922), (4, 4, 4.043)]
)
def test_flops_are_the_published_ones(blocks, layers, giga):
    assert flops_per_frame(NetworkSettings(blocks=blocks, layers=layers)) / 1e9 == pytest.approx(giga, abs=5e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_flops_are_what_torch_counts(shape):
    network = Network(NetworkSettings(**shape))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.step(frames(1, 1, 32, 32))
    assert counter.get_total_flops() == flops_per_frame(network.settings, 32)


def test_a_quarter_of_the_pixels_takes_a_quarter_of_the_flops():
    settings = NetworkSettings()
    assert flops_per_frame(settings, 56) * 4 == flops_per_frame(settings, 112)


@pytest.mark.parametrize(
    ("blocks", "skip", "added"),
    [
        (2, "last", 9 * 12 * 12),
        (2, "all", 9 * 12 * 12),
        (4, "last", 9 * 12 * 12),
        (4, "all", 9 * (12 * 12 + 24 * 24 + 48 * 48)),
    ],
)
def test_skips_add_one_kernel_per_joined_and_produced_channel(blocks, skip, added):
    settings = NetworkSettings(blocks=blocks, skip=skip)
    assert parameter_count(settings) == PUBLISHED[blocks][0] + added
    assert sum(parameter.numel() for parameter in Network(settings).parameters()) == PUBLISHED[blocks][0] + added


def test_every_further_structure_adds_one_weight_per_filter_and_a_bias():
    assert parameter_count(NetworkSettings(structures=("lv", "rv", "la"))) == PUBLISHED[4][0] + 2 * 13


def test_the_name_is_the_papers():
    assert NetworkSettings(blocks=3, layers=2).name == "B3,2"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": 5}, r"student\.blocks .*1 to 4, got 5"),
        ({"blocks": True}, "got True"),
        ({"layers": 0}, r"student\.layers .*1 to 4, got 0"),
        ({"filters": 1.5}, r"student\.filters .*1 to 256, got 1\.5"),
        ({"skip": "some"}, r"student\.skip .*got 'some'"),
        ({"blocks": 1, "skip": "all"}, "2 blocks, got 1"),
        ({"structures": ("lv", "spleen")}, r"student\.structures: .*different names"),
        ({"structures": ()}, r"got \[\]"),
        ({"glance": -1}, r"student\.glance .*0 .*256, got -1"),
        ({"glance": False}, r"student\.glance .*got False"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(StudyError, match=message):
        NetworkSettings(**wrong)


@pytest.mark.parametrize("shape", SHAPES)
def test_stepping_gives_the_window_and_its_state(shape, make_network):
    network = make_network(**shape)
    window = frames(2, 5, 1, 24, 32)
    logits, last = network(window)
    assert logits.shape == (2, 5, len(network.settings.structures), 24, 32)
    state, steps = None, []
    for frame in window.unbind(1):
        step, state = network.step(frame, state)
        steps.append(step)
    torch.testing.assert_close(torch.stack(steps, dim=1), logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=0)


def test_a_glance_is_a_second_opinion_of_each_frame_alone(make_network):
    network, window = make_network(blocks=2, filters=4, glance=4), frames(2, 3, 1, 32, 48)
    (memory, glance), state = network.opinions(window)
    logits, _ = network(window)
    torch.testing.assert_close(logits, (memory + glance) / 2)
    (later, alone), _ = network.opinions(window[:, 2:], state)
    torch.testing.assert_close(alone, glance[:, 2:], atol=1e-5, rtol=1e-5)
    assert (later - memory[:, 2:]).abs().max() > 1e-3
    small, _ = network.glance.network.step(torch.nn.functional.avg_pool2d(window.flatten(0, 1), 2))
    assert small.shape == (6, 1, 16, 24)
    large = torch.nn.functional.interpolate(small, (32, 48), mode="bilinear").unflatten(0, (2, 3))
    torch.testing.assert_close(glance, large)


def test_a_glance_costs_what_torch_counts_and_is_named():
    settings = NetworkSettings(blocks=2, filters=4, glance=4)
    network = Network(settings)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.step(frames(1, 1, 32, 32))
    assert counter.get_total_flops() == flops_per_frame(settings, 32)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameter_count(settings)
    assert settings.name == "B2,1 + U4,4"
    with pytest.raises(InputError, match="multiples of 16"):
        network(frames(1, 1, 1, 24, 32))


def test_stepping_gives_the_gradient_of_the_window(make_network):
    network = make_network(blocks=2, filters=4)
    window = frames(2, 4, 1, 8, 8)
    parameters = list(network.parameters())
    whole = torch.autograd.grad(network(window)[0].square().sum(), parameters)
    state, total = None, torch.zeros(())
    for frame in window.unbind(1):
        logits, state = network.step(frame, state)
        total = total + logits.square().sum()
    for found, expected in zip(torch.autograd.grad(total, parameters), whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()) + 1e-6, rtol=1e-4)


def test_a_window_may_be_cut_anywhere(make_network):
    network = make_network(blocks=2, filters=4)
    window = frames(1, 6, 1, 16, 16)
    whole, _ = network(window)
    first, state = network(window[:, :2])
    rest, _ = network(window[:, 2:], state)
    torch.testing.assert_close(torch.cat((first, rest), dim=1), whole, atol=1e-5, rtol=0)


def test_later_frames_never_change_earlier_masks(make_network):
    network = make_network(blocks=3, filters=4)
    window = frames(1, 6, 1, 16, 16)
    other = torch.cat((window[:, :4], frames(1, 2, 1, 16, 16, seed=1)), dim=1)
    a, b = network(window)[0], network(other)[0]
    assert torch.equal(a[:, :4], b[:, :4])
    assert not torch.equal(a[:, 4:], b[:, 4:])


def test_earlier_frames_do_change_later_masks(make_network):
    network = make_network(blocks=2)
    window = frames(1, 3, 1, 16, 16)
    other = torch.cat((1 - window[:, :1], window[:, 1:]), dim=1)
    assert not torch.allclose(network(window)[0][:, 2], network(other)[0][:, 2], atol=1e-4)


def test_no_state_is_a_state_of_zeros_and_nothing_stays_in_the_network(make_network):
    network = make_network(blocks=2, layers=2)
    window = frames(2, 3, 1, 16, 16)
    zeros = network.zero_state(2, 16, 16)
    assert [tuple(hidden.shape) for hidden, _ in zeros] == [(2, 12, 16, 16)] * 2 + [(2, 24, 8, 8)] * 2
    assert all(not tensor.any() for pair in zeros for tensor in pair)
    first, again, explicit = network(window)[0], network(window)[0], network(window, zeros)[0]
    assert torch.equal(first, again)
    assert torch.equal(first, explicit)


def test_clips_of_a_batch_do_not_see_each_other(make_network):
    network = make_network(blocks=3)
    window = frames(3, 3, 1, 16, 16)
    torch.testing.assert_close(network(window)[0][1:2], network(window[1:2])[0], atol=1e-5, rtol=0)


def test_moving_the_frames_moves_the_masks_away_from_the_border(make_network):
    network = make_network(blocks=2)  # one pooling: moves by multiples of 2 pixels are exact
    window = frames(1, 2, 1, 64, 64)
    moved = torch.roll(window, (4, -6), dims=(-2, -1))
    inside = (..., slice(20, 44), slice(20, 44))
    expected = torch.roll(network(window)[0], (4, -6), dims=(-2, -1))
    torch.testing.assert_close(network(moved)[0][inside], expected[inside], atol=1e-5, rtol=0)


def test_on_one_pixel_a_convlstm_is_torchs_lstm():
    ours, theirs = ConvLSTM(3, 5), torch.nn.LSTM(3, 5)
    order = [0, 1, 3, 2]  # ours: input, forget, output, candidate; torch's: input, forget, candidate, output
    centre = ours.conv.weight.detach()[:, :, 1, 1].unflatten(0, (4, 5))[order].flatten(0, 1)
    bias = ours.conv.bias.detach().unflatten(0, (4, 5))[order].flatten()
    theirs.load_state_dict(
        {"weight_ih_l0": centre[:, :3], "weight_hh_l0": centre[:, 3:], "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    )
    signal, zero = frames(7, 2, 3), torch.zeros(2, 5, 1, 1)
    found, (hidden, cell) = ours(signal[..., None, None], (zero, zero))
    expected, (_, last_cell) = theirs(signal)
    torch.testing.assert_close(found[..., 0, 0], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(cell[..., 0, 0], last_cell[0], atol=1e-6, rtol=0)
    assert torch.equal(hidden, found[-1])


def test_forget_gates_start_open():
    lstm = ConvLSTM(2, 6)
    assert torch.equal(lstm.conv.bias.detach()[6:12], torch.ones(6))


def test_equal_seeds_give_equal_networks_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, c = (seeded_network(NetworkSettings(blocks=2), seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["head.weight"], c["head.weight"])


def test_training_normalises_over_batch_and_time():
    network = seeded_network(NetworkSettings(blocks=1), 0).train()
    window = frames(3, 4, 1, 8, 8)
    network(window)
    layer = network.encoder[0][0]
    hidden, _ = layer.lstm(window.transpose(0, 1), network.zero_state(3, 8, 8)[0])
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * hidden.mean((0, 1, 3, 4)), atol=1e-6, rtol=0)


def test_bfloat16_autocast_keeps_the_cell_in_float32_and_the_masks_close(make_network):
    network = make_network(blocks=3)
    window = frames(1, 8, 1, 32, 32)
    expected = network(window)[0].sigmoid()
    with torch.autocast("cpu", torch.bfloat16):
        logits, state = network(window)
    assert all(hidden.dtype == torch.bfloat16 and cell.dtype == torch.float32 for hidden, cell in state)
    assert torch.allclose(logits.float().sigmoid(), expected, atol=0.05)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 2, 1, 20, 16), "B4,1 .*multiples of 8, got 20 x 16"),
        ((1, 2, 3, 16, 16), r"got float32 \(1, 2, 3, 16, 16\)"),
        ((2, 1, 16, 16), "got float32"),
    ],
)
def test_frames_of_another_shape_are_refused(shape, message, make_network):
    with pytest.raises(InputError, match=message):
        make_network()(frames(*shape))


def test_grey_levels_as_bytes_are_refused(make_network):
    with pytest.raises(InputError, match="got uint8"):
        make_network()(torch.zeros(1, 1, 1, 16, 16, dtype=torch.uint8))

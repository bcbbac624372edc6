"""The kernels: sums of uint8 by int8 are exact, whatever this processor can do."""

import numpy as np
import onnxruntime as ort
import pytest

from models import graph, step


def test_sums_are_exact_as_we_use_them() -> None:
    """With the options that sessions get, the loudest numbers add up right."""
    step.sums_are_exact.cache_clear()
    x, weight = step.LOUDEST
    session = ort.InferenceSession(step.PRODUCT.read_bytes(), step.exact_options(1), providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"x": x})

    assert np.array_equal(sums, x.astype(np.int64) @ weight.astype(np.int64))


def test_the_product_that_is_kept_is_the_one_that_is_built() -> None:
    """Byte for byte; `models.graph.product` writes it anew."""
    assert step.PRODUCT.read_bytes() == graph.product(step.LOUDEST[1])


@pytest.mark.parametrize("exact", [True, False])
def test_the_exact_kernel_is_asked_for_where_it_is_needed(monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    """It takes twice as long, so nowhere else."""
    monkeypatch.setattr(step, "sums_are_exact", lambda: exact)
    options = step.exact_options(3)

    assert options.intra_op_num_threads == 3
    if exact:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(step.EXACT)
    else:
        assert options.get_session_config_entry(step.EXACT) == "1"

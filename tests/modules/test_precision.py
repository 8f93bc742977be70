import pytest
import torch

from codelm.errors import InputError
from codelm.modules.precision import auto_precision, compute_dtype


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_a_gpu_without_bfloat16_of_its_own_takes_float16(monkeypatch, native, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert auto_precision() == precision


@pytest.mark.parametrize(
    ("capabilities", "precision"), [({"amx_bf16": True}, "bf16-mixed"), ({"avx2": True}, "32-true"), ({}, "32-true")]
)
def test_a_cpu_takes_bfloat16_where_it_multiplies_it(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert auto_precision("cpu") == precision


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "64-true"])
def test_precisions_with_narrow_weights_are_refused(precision):
    with pytest.raises(InputError, match=precision):
        compute_dtype(precision)

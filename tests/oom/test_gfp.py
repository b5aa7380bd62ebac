"""Bare masks of old kernels, by their names."""

from __future__ import annotations

import pytest

from lastgasp.oom.gfp import decode


@pytest.mark.parametrize(
    ("mask", "kernel", "names"),
    [
        (0x201DA, b"3.10.0-327.el7.x86_64", b"GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0xD0, b"3.2.0", b"GFP_KERNEL"),
        (0x3000D0, b"3.10.104", b"GFP_KERNEL|__GFP_KMEMCG|__GFP_NOTRACK"),
        (0x1000D0, b"4.0.5", b"GFP_KERNEL|0x100000"),
        (0x4000D0, b"3.18.20", b"GFP_KERNEL|__GFP_NO_KSWAPD"),
        (0x200DA, None, b"GFP_HIGHUSER_MOVABLE"),
        (0x24201CA, b"4.4.155", b"GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0x24000C0, None, b"GFP_KERNEL"),
        (0x25080C0, b"4.4.3", b"GFP_KERNEL|__GFP_ZERO|__GFP_NOACCOUNT"),
        (0x25080C0, b"4.5.1", b"GFP_KERNEL|__GFP_ZERO|__GFP_ACCOUNT"),
        (0x26040D0, b"4.4", b"GFP_TEMPORARY|__GFP_COMP|__GFP_NOTRACK"),
    ],
)
def test_masks_of_kernels_that_print_the_number_only(mask: int, kernel: bytes | None, names: bytes) -> None:
    assert decode(mask, kernel) == tuple(names.split(b"|"))


@pytest.mark.parametrize(("mask", "kernel"), [(0x140CCA, b"6.1.0"), (0, b"3.2"), (-1, None), (1 << 40, b"3.2")])
def test_numbers_that_mean_nothing_to_it_are_not_decoded(mask: int, kernel: bytes) -> None:
    assert decode(mask, kernel) is None

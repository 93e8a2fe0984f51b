"""Warnings of what a request asks that the calibration has not seen, with the loss that was measured."""

from __future__ import annotations

import re
from typing import Any

from .guidance import is_guided

#: Unseen words are not worth a warning where they cost less, in decibels.
_WORTH_SAYING = 1


def off_calibration_warnings(
    manifest: dict[str, Any],
    sampler: str,
    steps: int,
    scale: float,
    prompt: str | None,
    negative_prompt: str,
    first_call: int = 0,
) -> list[str]:
    warnings = []
    made, calibrated_scale = manifest["sampler"], manifest["guidanceScale"]
    measured = manifest.get("offCalibration") or []
    of_kind = lambda kind: [each for each in measured if each["kind"] == kind]  # noqa: E731
    if sampler != made["name"]:
        warnings.append(
            f"The bundle was calibrated with {made['name']}; with {sampler} its quality was not measured."
        )
    elif steps != made["steps"]:
        loss = _loss_at(steps, of_kind("steps"))
        warnings.append(f"The bundle was calibrated at {made['steps']} steps; {loss}.")
    if _applied(scale) != _applied(calibrated_scale):
        known = [{**each, "value": _applied(float(each["value"]))} for each in of_kind("guidance scale")]
        loss = _loss_at(_applied(scale), known)
        warnings.append(f"The bundle was calibrated at guidance scale {_number(calibrated_scale)}; {loss}.")
    if first_call:
        warnings.append(
            "The bundle was calibrated on runs from noise; runs that begin with a picture were not measured."
        )
    calibration = manifest.get("calibration")
    if calibration is None:
        return warnings
    if is_guided(scale) and negative_prompt != calibration["negativePrompt"]:
        found = of_kind("negative prompt")
        other = f'another one, "{found[0]["value"]}", measured {_decibels(found[0])}' if found else None
        warnings.append(
            f'The bundle was calibrated with the negative prompt "{calibration["negativePrompt"]}"; '
            f"{other or 'others were not measured'}."
        )
    words = sorted(set(re.findall(r"[^\W_]+", (prompt or "").lower())) - set(calibration["words"]))
    wording = of_kind("wording")
    if wording and words and wording[0]["psnrCalibrated"] - wording[0]["psnr"] >= _WORTH_SAYING:
        named = ", ".join(f'"{word}"' for word in words)
        warnings.append(
            f"The calibration has not seen {named}; prompts with unseen words measured {_decibels(wording[0])}."
        )
    return warnings


def _applied(scale: float) -> float:
    """All scales without guidance are one."""
    return scale if is_guided(scale) else 1


def _loss_at(asked: float, measured: list[dict[str, Any]]) -> str:
    if not measured:
        return f"at {_number(asked)} its quality was not measured"
    nearest = min(measured, key=lambda each: abs(float(each["value"]) - asked))
    if nearest["value"] == asked:
        return f"at {_number(asked)}, pictures measured {_decibels(nearest)}"
    return (
        f"at {_number(asked)} its quality was not measured; "
        f"at {_number(nearest['value'])}, pictures measured {_decibels(nearest)}"
    )


def _number(value: float) -> str:
    """As JavaScript writes it: whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _decibels(each: dict[str, Any]) -> str:
    return f"{each['psnr']:.1f} dB against the original's, in place of {each['psnrCalibrated']:.1f}"

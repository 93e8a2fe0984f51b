"""What `load` and `generate` do with bundles and requests that are not as they should be."""

import hashlib
import json
import os
import shutil
import threading

import numpy as np
import pytest
from conftest import BUNDLES, read_png

import cachequant
from cachequant import BundleError, InvalidArgumentError, UnsupportedError
from cachequant.denoiser import serve

SDXL = BUNDLES / "tiny-sdxl"
DDPM = BUNDLES / "format-1"


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(DDPM, folder)
    return folder


def change(folder, edit):
    """Changes the manifest, as a newer version or somebody else would, with its hash."""
    path = folder / "cachequant.json"
    manifest = json.loads(path.read_text())
    manifest.pop("sha256", None)
    edit(manifest)
    content = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)
    manifest["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False))


def test_a_bundle_says_what_it_draws():
    bundle = cachequant.load(SDXL)
    assert bundle.takes_text and (bundle.width, bundle.height) == (32, 32)
    assert not cachequant.load(DDPM).takes_text


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="the folder holds no bundle"):
        cachequant.load(tmp_path)


def test_a_manifest_that_is_no_json_is_refused(copy):
    (copy / "cachequant.json").write_text("{")
    with pytest.raises(BundleError, match="the manifest is not JSON"):
        cachequant.load(copy)


def test_a_newer_format_is_named(copy):
    change(copy, lambda manifest: manifest.update(formatVersion=3))
    with pytest.raises(BundleError, match="written by a newer version .*got format 3"):
        cachequant.load(copy)


def test_a_manifest_that_was_altered_is_refused(tmp_path):
    shutil.copytree(SDXL, tmp_path / "bundle")
    path = tmp_path / "bundle" / "cachequant.json"
    path.write_text(path.read_text().replace('"guidanceScale": 7.5', '"guidanceScale": 8.5'))
    with pytest.raises(BundleError, match="not the one that was written"):
        cachequant.load(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latentDims", [3, 16]),
        ("schedule", {"kind": "dp", "interval": 2, "refreshCalls": [1, 2]}),
        ("schedule", {"kind": "dp", "interval": 2, "refreshCalls": [0, 4, 2]}),
        ("files", {"../outside.onnx": {"bytes": 1, "sha256": "0"}}),
        ("guidanceScale", "4"),
        ("sampler", {"name": "DDIMScheduler", "steps": 0, "calls": 6}),
    ],
)
def test_a_field_of_the_wrong_form_is_named(copy, field, value):
    change(copy, lambda manifest: manifest.update({field: value}))
    with pytest.raises(BundleError, match=f"cachequant.json, {field}.*damaged"):
        cachequant.load(copy)


def test_what_this_version_does_not_know_is_named(copy):
    change(copy, lambda manifest: manifest["corrections"].update(hindsight=[0.5]))
    with pytest.raises(UnsupportedError, match="the bundle has corrections.hindsight, which this version"):
        cachequant.load(copy)


def test_an_input_from_elsewhere_is_named(copy):
    change(copy, lambda manifest: manifest["denoiser"]["cached"]["inputs"].update(timestep="cache:third"))
    with pytest.raises(UnsupportedError, match='denoiser.cached.inputs.timestep "cache:third"'):
        cachequant.load(copy)


def test_an_unknown_field_beside_these_is_a_warning(copy):
    change(copy, lambda manifest: manifest.update(mood="good"))
    picture = cachequant.load(copy).generate(seed=1)
    assert picture.warnings == ("The bundle says mood, which this version does not know.",)


def test_prompts_that_are_read_in_another_way_are_refused(copy):
    change(copy, lambda manifest: manifest.update(prompts={"clipSkip": 1}))
    with pytest.raises(UnsupportedError, match='prompts {"clipSkip": 1}'):
        cachequant.load(copy)


def test_an_unknown_sampler_of_the_configuration_is_named(copy):
    change(copy, lambda manifest: manifest["sampler"].update(name="BanquetScheduler"))
    with pytest.raises(UnsupportedError, match='there is no sampler "BanquetScheduler" here'):
        cachequant.load(copy).generate(seed=1)


@pytest.mark.parametrize("file", ["denoiser/weights.bin", "denoiser/full.onnx", "denoiser/config.json"])
def test_a_file_that_was_altered_is_named(copy, file):
    data = bytearray((copy / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(BundleError, match=f"{file}.*SHA-256"):
        cachequant.load(copy)


def test_a_file_that_is_missing_or_cut_is_named_without_hashes_too(copy):
    (copy / "denoiser/tables.bin").write_bytes(b"")
    with pytest.raises(BundleError, match="tables.bin.*got 0 bytes"):
        cachequant.load(copy, check="sizes")
    (copy / "denoiser/tables.bin").unlink()
    with pytest.raises(BundleError, match="tables.bin.*no such file"):
        cachequant.load(copy, check="sizes")


def test_what_is_for_people_may_be_left_out(copy):
    change(copy, lambda manifest: manifest["files"].update({"report.html": {"bytes": 5, "sha256": "0"}}))
    assert cachequant.load(copy).generate(seed=3).pixels.shape == (16, 16, 3)


def test_a_file_that_is_not_listed_is_refused(copy):
    (copy / "denoiser/more.bin").write_bytes(b"1")
    with pytest.raises(BundleError, match="more.bin: the file is not among those of the bundle"):
        cachequant.load(copy)


def test_a_hidden_file_is_nobodys_unless_a_graph_names_it(copy):
    (copy / "denoiser/.DS_Store").write_bytes(b"1")
    cachequant.load(copy)
    (copy / "denoiser/.weights").write_bytes(b"1")
    graph = copy / "denoiser/full.onnx"
    graph.write_bytes(graph.read_bytes() + b".weights")

    def list_again(manifest):
        data = graph.read_bytes()
        manifest["files"]["denoiser/full.onnx"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    change(copy, list_again)
    with pytest.raises(BundleError, match=".weights: the file is not among"):
        cachequant.load(copy)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_bundle_is_refused_but_for_a_cache_of_hugging_face(copy, tmp_path):
    outside = tmp_path / "blobs" / "weights"
    outside.parent.mkdir()
    shutil.move(copy / "denoiser/weights.bin", outside)
    (copy / "denoiser/weights.bin").symlink_to(outside)
    with pytest.raises(BundleError, match="a link leads out of the bundle"):
        cachequant.load(copy)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"prompt": "a shoe", "seed": 1.5}, "the seed is no whole number"),
        ({"prompt": "a shoe", "seed": 2**53}, "the seed is no whole number"),
        ({"prompt": 5}, "prompt: the text is no text"),
        ({}, "the prompt is missing"),
        ({"prompt": "a shoe", "guidance_scale": -1}, "guidance_scale"),
        ({"prompt": "a shoe", "guidance_scale": float("nan")}, "guidance_scale"),
        ({"prompt": "a shoe", "steps": 0}, "the number of steps is invalid"),
        ({"prompt": "a shoe", "steps": 9, "strict": True}, "calibrated at 6 steps"),
        ({"prompt": "a shoe", "class_label": 3}, "class_label: the model draws no classes .got 3"),
        ({"prompt": "a shoe", "strength": 0.5}, "there is no picture to change"),
        ({"prompt": "shoe " * 100, "strict": True}, "the prompt is too long; left out: shoe"),
    ],
)
def test_a_request_that_cannot_be_is_refused(request_, message):
    with pytest.raises(InvalidArgumentError, match=message):
        cachequant.load(SDXL).generate(**request_)


def test_another_sampler_of_other_calls_is_refused():
    with pytest.raises(BundleError, match="made for another sampler .*got 6 steps of HeunDiscreteScheduler .11"):
        cachequant.load(SDXL).generate("a shoe", sampler="heun")


def test_a_precision_that_the_bundle_lacks_is_named():
    with pytest.raises(UnsupportedError, match="expected none: leave it out, got float32"):
        cachequant.load(SDXL, precision="float32")


def test_a_prompt_too_long_is_drawn_with_a_warning():
    picture = cachequant.load(SDXL).generate("shoe " * 100, seed=1)
    assert any(warning.startswith("the prompt is too long; left out: shoe") for warning in picture.warnings)


def test_steps_are_told_and_what_they_raise_stops_the_picture():
    bundle = cachequant.load(SDXL)
    seen = []
    bundle.generate("a shoe", seed=1, on_step=lambda step: seen.append((step.call, step.calls, step.kind)))
    assert seen == [(i, 6, "full" if i % 2 == 0 else "cached") for i in range(6)]

    def stop(step):
        raise KeyboardInterrupt if step.call == 2 else AssertionError if step.call > 2 else StopIteration

    with pytest.raises(StopIteration):
        bundle.generate("a shoe", on_step=stop)
    # The next one is as if nothing had happened.
    again = bundle.generate("a shoe", seed=1).pixels
    np.testing.assert_array_equal(again, cachequant.load(SDXL).generate("a shoe", seed=1).pixels)


def test_requests_of_several_threads_do_not_mix():
    bundle = cachequant.load(SDXL)
    expected = {seed: bundle.generate("a shoe", seed=seed).pixels for seed in range(3)}
    found = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: bundle.generate("a shoe", seed=seed).pixels}))
        for seed in expected
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, pixels in expected.items():
        np.testing.assert_array_equal(found[seed], pixels)


def test_a_picture_is_saved_as_png(tmp_path):
    picture = cachequant.load(SDXL).generate("a shoe", seed=1)
    picture.save(tmp_path / "shoe.png")
    np.testing.assert_array_equal(read_png(tmp_path / "shoe.png"), picture.pixels)
    with pytest.raises(UnsupportedError, match="only PNG is written"):
        picture.save(tmp_path / "shoe.webp")
    image = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(image.open(tmp_path / "shoe.png")), picture.pixels)
    np.testing.assert_array_equal(np.asarray(picture.to_pil()), picture.pixels)


def test_other_steps_are_served_by_the_nearest_calibrated_calls():
    served = serve([900, 700, 500, 300, 100], [900, 600, 300, 0], [0, 2])
    # 700 is as near to 600 as to nothing else, and 100 goes on from 300 to 0.
    assert served.calibrated == [0, 1, 1, 2, 3]
    assert served.refreshes == {0, 3}
    assert serve([9, 1], [9, 5, 1], [0, 1, 2]).refreshes == {0, 1}
    assert serve([9, 5, 1], [8, 4, 0], [0, 2]).calibrated is None


def test_a_picture_to_change_needs_an_encoder():
    bundle = cachequant.load(SDXL)
    with pytest.raises(UnsupportedError, match="vae_encoder: the model has nothing that makes latents of pictures"):
        bundle.generate("a shoe", image=np.zeros((32, 32, 3), dtype=np.uint8))


def test_a_run_that_begins_in_the_middle_refreshes_first():
    served = serve([9, 7, 5, 3, 1], [9, 7, 5, 3, 1], [0, 3])
    assert served.beginning(0) is served
    assert served.beginning(2).refreshes == {2, 3}
    assert served.beginning(4).refreshes == {4}


def test_pixels_are_changed_without_an_encoder():
    bundle = cachequant.load(DDPM)
    gray = np.full((16, 16, 3), 100, dtype=np.uint8)
    steps = []
    picture = bundle.generate(seed=3, image=gray, strength=0.5, on_step=lambda step: steps.append((step.call, step.kind)))
    assert [call for call, _ in steps] == list(range(len(steps))) and steps[0][1] == "full"
    assert "runs that begin with a picture were not measured" in picture.warnings[0]
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[:, 8:] = 255
    kept = bundle.generate(seed=3, image=gray, mask=mask).pixels
    np.testing.assert_array_equal(kept[:, :8], gray[:, :8])
    assert (kept[:, 8:] != gray[:, 8:]).any()


def sized(folder, **changes):
    """Says that the bundle has its own graphs once more, as those of another size."""

    def edit(manifest):
        denoiser = manifest["denoiser"]
        size = {"width": 24, "height": 16, "latentDims": [3, 16, 24], "variants": [], "psnr": 40, "images": 1}
        manifest["sizes"] = [{**size, "full": denoiser["full"], "cached": denoiser["cached"], **changes}]

    change(folder, edit)


def test_a_size_that_the_bundle_lacks_is_refused_with_those_that_it_has(copy):
    sized(copy)
    bundle = cachequant.load(copy)
    own = bundle.width, bundle.height
    with pytest.raises(InvalidArgumentError, match=f"size.*expected {own[0]}x{own[1]} or 24x16.*32x24") as refused:
        cachequant.load(copy, size=(32, 24))
    assert f"--size {own[0]}x{own[1]},24x16,32x24" in str(refused.value)
    assert (cachequant.load(copy, size=own).width, cachequant.load(copy, size=own).height) == own


def test_a_size_takes_its_own_graphs(copy):
    sized(copy)
    # They are those of the first size here, which the graph itself says.
    with pytest.raises(BundleError, match=r"another sample than the manifest says.*\[3, 16, 24\]"):
        cachequant.load(copy, size=(24, 16))


@pytest.mark.parametrize("changes", [{"width": "24"}, {"latentDims": [3, 16]}, {"variants": None}, {"full": {}}])
def test_a_size_of_the_wrong_form_is_named(copy, changes):
    sized(copy, **changes)
    with pytest.raises(BundleError, match="cachequant.json, sizes.*damaged"):
        cachequant.load(copy)


def test_a_size_with_a_graph_that_is_not_listed_is_refused(copy):
    graph = {"file": "denoiser/other.onnx", "inputs": {}, "outputs": {}}
    sized(copy, full=graph)
    with pytest.raises(BundleError, match="not among its files"):
        cachequant.load(copy)

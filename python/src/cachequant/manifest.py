"""What a bundle says of itself, and whether its files are those that it lists."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Callable

from .errors import BundleError, UnsupportedError

MANIFEST = "cachequant.json"
#: The newest format that this version reads.
FORMAT_VERSION = 2

#: What may be left out where a bundle is served.
_FOR_PEOPLE = ("verification.json", "report.html", "report.json")
#: What a pipeline is made of; files beside these folders are nobody's to load.
_LOADED = re.compile(
    r"^(model_index\.json$|inputs\.json$|inputs/|"
    r"(?:class_embedder|denoiser|planning|scheduler|text_encoder|tokenizer|vae_decoder|vae_encoder)\w*/)"
)
_AGAIN = "Copy the bundle again, or optimize the model again"

#: What a graph's inputs and outputs may be tied to.
_SOURCES = (
    *("sample", "timestep", "conditioning", "inpainting", "request"),
    *("call_index", "cache:newest", "cache:previous"),
)
_TARGETS = ("prediction", "cache")

#: Fields that decide how pictures come out. One that is not here would be left undone without a word.
_KNOWN = {
    "denoiser": {"full", "cached", "batch", "variants"},
    "sampler": {"name", "steps", "calls", "imageTokens", "evenSigmas", "timestepScale"},
    "schedule": {"kind", "interval", "refreshCalls"},
    "corrections": {"cache", "anchors", "quantization", "smoothing", "guidance", "guidanceExtrapolation"},
}
#: What bundles of earlier versions call some of them.
_EARLIER = {
    "schedule": {"refreshSteps": "refreshCalls"},
    "corrections": {"guidanceReach": "guidanceExtrapolation"},
}
_TOP = {
    *("formatVersion", "createdBy", "createdAt", "source", "cut", "denoiser", "sampler", "guidanceScale"),
    *("latentDims", "schedule", "corrections", "bits", "layers", "components", "preview", "calibration"),
    *("offCalibration", "conditioning", "sizes", "files", "sha256"),
}
_VARIANT = {
    *("backends", "precision", "full", "cached", "anchors", "corrections", "largestTensorBytes", "vaeDecoder"),
    "calibrationPsnr",
}
_GRAPH = {"file", "inputs", "outputs"}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads and checks a manifest; the files it lists are not looked at."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            "the folder holds no bundle",
            where=str(path),
            hint="Give the folder that `cachequant optimize` wrote",
        )
    text = path.read_text(encoding="utf-8")
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise BundleError("the manifest is not JSON", where=str(path), hint=_AGAIN) from error
    if not isinstance(manifest, dict):
        raise BundleError("the manifest is not an object", where=str(path), hint=_AGAIN)
    _require_version(manifest, str(path))
    _require_seal(manifest, text, str(path))
    _take_earlier_names(manifest)
    _require_form(manifest, str(path))
    _require_known(manifest, str(path))
    return manifest


def unknown_fields(manifest: dict[str, Any]) -> list[str]:
    """Fields of newer versions that say nothing of how pictures are made, as far as this version can tell."""
    return sorted(set(manifest) - _TOP)


def _require_version(manifest: dict[str, Any], where: str) -> None:
    version = manifest.get("formatVersion")
    if isinstance(version, (int, float)) and version > FORMAT_VERSION:
        raise BundleError(
            "the bundle was written by a newer version",
            where=where,
            expected=f"format {FORMAT_VERSION} or older",
            got=f"format {version}",
            hint="Update cachequant, or optimize the model again",
        )
    if version not in (1, FORMAT_VERSION):
        raise BundleError("the manifest is damaged", where=f"{where}, formatVersion", got=version)


def _require_seal(manifest: dict[str, Any], text: str, where: str) -> None:
    """The manifest's own hash is that of its compact JSON without the hash, which stands at its end."""
    written = manifest.get("sha256")
    if written is None:
        return
    compact = re.sub(r'("(?:[^"\\]|\\.)*")|\s+', lambda match: match.group(1) or "", text)
    content = re.sub(r',"sha256":"[^"]*"\}$', "}", compact)
    found = hashlib.sha256(content.encode("utf-8")).hexdigest()
    if found != written:
        raise BundleError(
            "the manifest is not the one that was written",
            where=where,
            expected=f"SHA-256 {str(written)[:12]}…",
            got=f"{found[:12]}…",
            hint=_AGAIN,
        )


def _take_earlier_names(manifest: dict[str, Any]) -> None:
    for part, names in _EARLIER.items():
        fields = manifest.get(part)
        for earlier, today in names.items():
            if isinstance(fields, dict) and earlier in fields:
                fields[today] = fields.pop(earlier)


def _require_form(manifest: dict[str, Any], where: str) -> None:
    """The types of what is read; `BundleError` names the field that is wrong."""

    def field(path: str, test: Callable[[Any], bool], expected: str) -> None:
        value: Any = manifest
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if not test(value):
            raise BundleError("the manifest is damaged", where=f"{where}, {path}", expected=expected, hint=_AGAIN)

    optional = lambda test: lambda value: value is None or test(value)  # noqa: E731
    field("files", _is_listing, "the size and the hash of each file")
    field("denoiser.full", _is_graph, "a graph among the files, with its inputs and outputs")
    field("denoiser.cached", _is_graph, "a graph among the files, with its inputs and outputs")
    field("sampler.name", lambda value: isinstance(value, str), "a name")
    field("sampler.steps", _is_count, "a whole number")
    field("sampler.calls", _is_count, "a whole number")
    field("sampler.imageTokens", optional(_is_positive), "a number above 0")
    field("sampler.evenSigmas", optional(lambda value: isinstance(value, bool)), "true or false")
    field("sampler.timestepScale", optional(_is_positive), "a number above 0")
    field("guidanceScale", _is_number, "a number")
    field("latentDims", lambda value: _is_list(value, _is_count) and len(value) == 3, "three whole numbers")
    field("schedule.refreshCalls", _is_schedule, "ascending whole numbers, the first 0")
    field("corrections.anchors", lambda value: value in (1, 2), "1 or 2")
    field("corrections.smoothing", optional(lambda value: _is_list(value, _is_number)), "numbers")
    field("corrections.guidanceExtrapolation", optional(lambda value: _is_list(value, _is_number)), "numbers")
    field("denoiser.variants", optional(lambda value: _is_list(value, _is_variant)), "variants")
    field("sizes", optional(lambda value: _is_list(value, _is_size)), "sizes")
    graphs = [manifest["denoiser"]["full"], manifest["denoiser"]["cached"]]
    graphs += [graph for pair in _size_pairs(manifest) for graph in (pair["full"], pair["cached"])]
    for variant in manifest["denoiser"].get("variants") or []:
        graphs += [variant["full"], variant["cached"]]
        graphs += [{"file": variant["vaeDecoder"]}] if variant.get("vaeDecoder") else []
    for graph in graphs:
        if graph["file"] not in manifest["files"]:
            raise BundleError(
                "the manifest is damaged: a graph is not among its files", where=where, got=graph["file"], hint=_AGAIN
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_list(value: Any, each: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(each(item) for item in value)


def _is_schedule(value: Any) -> bool:
    whole = _is_list(value, lambda step: isinstance(step, int) and not isinstance(step, bool))
    return whole and value[:1] == [0] and all(a < b for a, b in zip(value, value[1:]))


def _is_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _is_graph(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("file"), str)
        and _is_names(value.get("inputs"))
        and _is_names(value.get("outputs"))
    )


def _is_variant(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("precision"), str)
        and _is_graph(value.get("full"))
        and _is_graph(value.get("cached"))
        and value.get("anchors") in (1, 2)
        and isinstance(value.get("vaeDecoder", ""), str)
    )


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("width"))
        and _is_count(value.get("height"))
        and _is_list(value.get("latentDims"), _is_count)
        and len(value["latentDims"]) == 3
        and _is_graph(value.get("full"))
        and _is_graph(value.get("cached"))
        and _is_list(value.get("variants"), _is_pair)
    )


def _is_pair(value: Any) -> bool:
    named = isinstance(value, dict) and isinstance(value.get("precision"), str)
    return named and _is_graph(value.get("full")) and _is_graph(value.get("cached"))


def _size_pairs(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything of further sizes that has a full and a cached graph."""
    sizes = manifest.get("sizes") or []
    return [*sizes, *(variant for size in sizes for variant in size["variants"])]


def _is_listing(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("bytes"), int)
        and isinstance(entry.get("sha256"), str)
        and _stays_inside(path)
        for path, entry in value.items()
    )


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts)


def _require_known(manifest: dict[str, Any], where: str) -> None:
    def refuse(name: str) -> None:
        raise UnsupportedError(
            f"the bundle has {name}, which this version does not know",
            where=where,
            hint="Update the Python package cachequant",
        )

    if manifest.get("prompts"):  # read in another way than the model's own pipeline does it
        refuse(f"prompts {json.dumps(manifest['prompts'])}")
    for part, known in _KNOWN.items():
        for name in manifest[part]:
            if name not in known:
                refuse(f"{part}.{name}")
    guidance = manifest["corrections"].get("guidance", "computed")
    if guidance not in ("computed", "forecast"):
        refuse(f"corrections.guidance {json.dumps(guidance)}")
    graphs = {"denoiser.full": manifest["denoiser"]["full"], "denoiser.cached": manifest["denoiser"]["cached"]}
    for i, variant in enumerate(manifest["denoiser"].get("variants") or []):
        for name in variant:
            if name not in _VARIANT:
                refuse(f"denoiser.variants.{i}.{name}")
        graphs[f"denoiser.variants.{i}.full"] = variant["full"]
        graphs[f"denoiser.variants.{i}.cached"] = variant["cached"]
    for i, pair in enumerate(_size_pairs(manifest)):
        graphs[f"sizes.{i}.full"] = pair["full"]
        graphs[f"sizes.{i}.cached"] = pair["cached"]
    for place, graph in graphs.items():
        for name in graph:
            if name not in _GRAPH:
                refuse(f"{place}.{name}")
        for name, source in graph["inputs"].items():
            if source not in _SOURCES:
                refuse(f"{place}.inputs.{name} {json.dumps(source)}")
        for name, target in graph["outputs"].items():
            if target not in _TARGETS:
                refuse(f"{place}.outputs.{name} {json.dumps(target)}")


class CheckedFiles:
    """The files of a bundle, compared with its manifest."""

    def __init__(self, folder: Path, manifest: dict[str, Any], check: str):
        self.folder = folder
        self._versions: dict[str, tuple[int, int, int]] = {}
        self._listed = manifest["files"]
        for path, entry in self._listed.items():
            self._compare(path, entry, check == "hashes")
        self._refuse_unlisted()
        self.require_unchanged()

    def has(self, path: str) -> bool:
        """Whether a file is listed and there; what is not listed is not seen."""
        return path in self._versions

    def lists(self, prefix: str) -> bool:
        return any(path.startswith(prefix) for path in self._versions)

    def path(self, path: str) -> Path:
        return self.folder / path

    def json(self, path: str) -> Any:
        """The content of a JSON file, or None where the bundle has none; `-Infinity` of Python's JSON is read."""
        if not self.has(path):
            return None
        try:
            return json.loads(self.path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise BundleError("the file is not JSON", where=str(self.path(path))) from error

    def require_unchanged(self) -> None:
        """What was loaded is what was checked: nothing has been put in its place in between."""
        for path, version in self._versions.items():
            if _version(self.folder / path) != version:
                raise BundleError(
                    "the file has changed since it was checked",
                    where=str(self.folder / path),
                    hint="Load the bundle again when nothing writes into it any more",
                )

    def _compare(self, path: str, entry: dict[str, Any], hashes: bool) -> None:
        where = self.folder / path
        before = _version(where)
        if before is None and path in _FOR_PEOPLE:
            return
        if before is None or before[0] != entry["bytes"]:
            got = "no such file" if before is None else f"{before[0]} bytes"
            raise _not_the_file(where, f"{entry['bytes']} bytes", got)
        _refuse_link_outside(self.folder, where)
        if hashes:
            with where.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != entry["sha256"]:
                raise _not_the_file(where, f"SHA-256 {entry['sha256'][:12]}…", f"{found[:12]}…")
        self._versions[path] = before

    def _refuse_unlisted(self) -> None:
        """A file in a part's folder could be meant to be loaded, or be opened by a graph."""
        hidden = []
        for root, _, names in os.walk(self.folder, followlinks=False):
            for name in names:
                path = (Path(root) / name).relative_to(self.folder).as_posix()
                if path in self._listed or not _LOADED.match(path):
                    continue
                if not any(part.startswith(".") for part in path.split("/")):
                    self._refuse(path)
                hidden.append(path)
        # Those that systems hide are nobody's, unless a graph takes its weights from one.
        graphs = [self.path(path).read_bytes() for path in self._versions if path.endswith(".onnx")] if hidden else []
        for path in hidden:
            if any(path.rsplit("/", 1)[-1].encode() in graph for graph in graphs):
                self._refuse(path)

    def _refuse(self, path: str) -> None:
        raise BundleError(
            "the file is not among those of the bundle",
            where=str(self.folder / path),
            hint="Remove it, or copy the bundle again",
        )


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _not_the_file(where: Path, expected: str, got: str) -> BundleError:
    return BundleError(
        "the file is not the one that the bundle was made with",
        where=str(where),
        expected=expected,
        got=got,
        hint=_AGAIN,
    )


def _refuse_link_outside(folder: Path, path: Path) -> None:
    """A link out of the bundle is refused, but for those of a Hugging Face cache into its own blobs."""
    real, root = path.resolve(), folder.resolve()
    if real.is_relative_to(root):
        return
    if root.parent.name == "snapshots" and real.is_relative_to(root.parent.parent / "blobs"):
        return
    raise BundleError(
        "a link leads out of the bundle",
        where=str(path),
        hint="Do not use a bundle of which you do not know where it came from",
    )

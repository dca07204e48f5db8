"""As much of Kustomize as the manifests use: resources, components, strategic patches, generated ConfigMaps, images, a namespace.

So that they are checked where there is no `kubectl`; where there is one, a test compares both. What it does not know, it refuses.
Names of generated ConfigMaps stay without their hash.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Key = tuple[str, str]  # kind, name
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "components", "patches", "configMapGenerator", "images"}
_BY = ("name", "mountPath", "containerPort")
"""What the items of a list are merged by, where Kubernetes merges them: containers, env, volumes, mounts, ports."""
_MERGED = {"containers", "env", "volumes", "volumeMounts", "ports"}


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8")))


def files(folder: Path) -> Iterator[Path]:
    """All that a kustomization names, itself included."""
    wanted = folder / "kustomization.yaml"
    yield wanted
    (told,) = documents(wanted)
    for place in [*told.get("resources", []), *told.get("components", []), *(patch["path"] for patch in told.get("patches", []))]:
        path = (folder / place).resolve()
        yield from files(path) if path.is_dir() else [path]
    for generated in told.get("configMapGenerator", []):
        yield from (folder / file for file in generated.get("files", []))


def resolve(folder: Path) -> dict[Key, dict[str, Any]]:
    """Every object that comes of it, by kind and name."""
    return _onto({}, folder)


def _onto(found: dict[Key, dict[str, Any]], folder: Path) -> dict[Key, dict[str, Any]]:
    (told,) = documents(folder / "kustomization.yaml")
    if unknown := set(told) - _KNOWN:
        raise AssertionError(f"{folder}: {', '.join(unknown)} is not known here")
    for place in told.get("resources", []):
        path = folder / place
        for key, document in (resolve(path) if path.is_dir() else _objects(path)).items():
            assert key not in found, f"{key} is there twice"
            found[key] = document
    for generated in told.get("configMapGenerator", []):
        _generate(found, folder, generated)
    for place in told.get("components", []):
        _onto(found, folder / place)
    for patch in told.get("patches", []):
        for key, change in _objects(folder / patch["path"]).items():
            found[key] = merged(found[key], change)
    for image in told.get("images", []):
        for document in found.values():
            _rename(document, image)
    if "namespace" in told:
        for document in found.values():
            document["metadata"]["namespace"] = told["namespace"]
    return found


def _objects(path: Path) -> dict[Key, dict[str, Any]]:
    return {(document["kind"], document["metadata"]["name"]): document for document in documents(path)}


def _generate(found: dict[Key, dict[str, Any]], folder: Path, told: dict[str, Any]) -> None:
    key = ("ConfigMap", told["name"])
    data = dict(literal.split("=", 1) for literal in told.get("literals", []))
    data |= {Path(file).name: (folder / file).read_text(encoding="utf-8") for file in told.get("files", [])}
    if told.get("behavior") == "merge":
        found[key]["data"] |= data
        return
    assert key not in found, f"{key} is there twice"
    found[key] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": told["name"]}, "data": data}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge: null takes away, lists of named things are merged by name, other lists replaced."""
    result = deepcopy(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        elif isinstance(value, list) and name in _MERGED and isinstance(result.get(name), list):
            by = next(each for each in _BY if each in value[0])
            others = {item[by]: item for item in result[name]}
            result[name] = [merged(others.pop(item[by], {}), item) for item in value] + [*others.values()]
        else:
            result[name] = deepcopy(value)
    return result


def _rename(node: Any, image: dict[str, str]) -> None:
    if isinstance(node, dict):
        name, _, tag = str(node.get("image", "")).partition(":")
        if name == image["name"]:
            node["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
        for value in node.values():
            _rename(value, image)
    elif isinstance(node, list):
        for value in node:
            _rename(value, image)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zip with Blender's own builder, and validates it.

    .venv/bin/python scripts/build_extension.py [-o out/beatboard-0.1.0.zip]

The zip holds the add-on, and the bridge's source and locked packages, from which the add-on sets the bridge up.
"""

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CARRIED = ("__init__.py", "LICENSE", "blender_addon", "bridge", "requirements", "scripts/render.py")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "dev.txt")


def main() -> int:
    """Runs the command; 0 if the zip is there and valid."""
    parser = argparse.ArgumentParser(description="Build the Blender extension.")
    parser.add_argument("-o", "--output", type=Path, metavar="F.zip")
    options = parser.parse_args()
    output = (options.output or ROOT / "out" / f"beatboard-{version()}.zip").absolute()
    build(output)
    print(output)
    return 0


def version() -> str:
    """The one version number, in pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def build(output: Path) -> None:
    """Stages what belongs into the zip, builds and validates it.

    Raises:
        subprocess.CalledProcessError: Blender's builder refuses; it has said why.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
        staged = Path(folder, "beatboard")
        stage(staged)
        beside = Path(folder, "built.zip")
        _blender_ext("validate", str(staged))
        _blender_ext("build", "--source-dir", str(staged), "--output-filepath", str(beside))
        _blender_ext("validate", str(beside))
        unfinished = output.with_name(output.name + "~")
        shutil.copyfile(beside, unfinished)
        unfinished.replace(output)


def stage(folder: Path) -> None:
    """Copies all that the extension is made of, the manifest with its version."""
    folder.mkdir(parents=True)
    for name in CARRIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copyfile(source, target)
    manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    manifest = re.sub(r'^version = ".*"$', f'version = "{version()}"', manifest, flags=re.MULTILINE)
    (folder / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
    metadata = folder / "beatboard.egg-info" / "PKG-INFO"  # by which the bridge knows its version
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: beatboard\nVersion: {version()}\n", encoding="utf-8")


def _blender_ext(*arguments: str) -> None:
    subprocess.run([sys.executable, str(blender_ext()), *arguments], check=True, stdout=sys.stderr)


def blender_ext() -> Path:
    """Blender's own extension builder, in the `bpy` wheel."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        sys.exit("build_extension: the bpy package is not installed; run scripts/test.sh once, which sets it up.")
    (found,) = Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    return found


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the example cover, `cover.jpg` beside this file: a lighthouse at dusk, modelled and rendered by Blender.

Everything is made here, from noise and a few primitives: a sea of waves, a rocky island with the lighthouse, hazy
ridges, a sky with clouds, stars and a moon, and a rowing boat with a lantern. Rendered by Cycles on the CPU through the
`bpy` package; the light's cone and the grain are laid on afterwards with NumPy. An original work of this project.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy  # before mathutils, which it brings
import numpy as np
from mathutils import Vector, noise
from PIL import Image
from scipy.ndimage import gaussian_filter

HERE = Path(__file__).parent
SIZE_PX = 1500
SATURATION = 1.45
AMBER_PULL = 0.18
"""how far yellow light is pulled toward amber: the shoulder of the film turns amber lamps lemon"""
AMBER = (1.0, 0.46, 0.11)
LAMP = Vector((9.4, 60.0, 22.5))
"""where the lighthouse's lamp is, in metres: x right, y away from the camera, z up"""
BOAT = Vector((-4.4, 18.0, 0.0))


Height = Callable[[float, float], float]
CAMERA_M, LENS_MM, TILT_DEG = 2.7, 38.0, 7.2
"""the camera's height over the water, its lens on a sensor of 36 mm, and how far it looks up"""


# --- the sky, as a function of direction -----------------------------------------------------------------------------


def dusk(around: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The clear sky's linear colour (..., 3) at an azimuth (0 is straight ahead, right is positive) and elevation."""
    stops = (0.0, 0.06, 0.13, 0.22, 0.36, 0.60, 1.0)
    colors = np.array(
        [
            *((0.90, 0.36, 0.10), (0.78, 0.38, 0.17), (0.42, 0.36, 0.25), (0.14, 0.27, 0.27)),
            *((0.036, 0.145, 0.175), (0.009, 0.055, 0.085), (0.004, 0.020, 0.040)),
        ]
    )
    level = np.clip(up / (np.pi / 2), 0, 1) ** 0.8
    sky = np.stack([np.interp(level, stops, colors[:, c]) for c in range(3)], axis=-1)
    glow_here = np.exp(-(((around + 0.22) / 0.50) ** 2)) * np.exp(-np.clip(up, 0, None) / 0.16)
    return sky * (0.50 + 0.70 * glow_here)[..., None] + glow_here[..., None] * np.array((0.26, 0.10, 0.025))


def cloud_field(shape: tuple[int, int], stretch: float, seed: int) -> np.ndarray:
    """Fractal noise (mean 0, variance 1) of spectrum 1/f, drawn out sideways by `stretch`."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    radius = np.hypot(fy * shape[0], fx * shape[1] / stretch)
    spectrum = np.fft.fft2(rng.standard_normal(shape)) / np.maximum(radius, 2.0) ** 1.75
    field = np.real(np.fft.ifft2(spectrum))
    return (field - field.mean()) / field.std()


# --- materials -------------------------------------------------------------------------------------------------------


def material(name: str, color: tuple[float, float, float], roughness: float) -> bpy.types.Material:
    """A plain surface."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    surface = made.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*color, 1)
    surface.inputs["Roughness"].default_value = roughness
    add_haze(made.node_tree)
    return made


def add_haze(tree: bpy.types.NodeTree) -> None:
    """Lets a surface fade into the glowing air with its distance from the camera: 1 - exp(-(d / 420 m))."""
    out = tree.nodes["Material Output"]
    mix, air, view = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("MixShader", "Emission", "CameraData"))
    share, exponent, rest = (tree.nodes.new("ShaderNodeMath") for _ in range(3))
    share.operation, exponent.operation, rest.operation = "MULTIPLY", "EXPONENT", "SUBTRACT"
    share.inputs[1].default_value, rest.inputs[0].default_value = -1 / 420, 1.0
    air.inputs["Color"].default_value = (0.36, 0.265, 0.20, 1)
    tree.links.new(view.outputs["View Distance"], share.inputs[0])
    tree.links.new(share.outputs[0], exponent.inputs[0])
    tree.links.new(exponent.outputs[0], rest.inputs[1])
    tree.links.new(rest.outputs[0], mix.inputs["Fac"])
    tree.links.new(tree.nodes["Principled BSDF"].outputs[0], mix.inputs[1])
    tree.links.new(air.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], out.inputs["Surface"])


def glow(name: str, color: tuple[float, float, float], strength: float) -> bpy.types.Material:
    """A surface that shines."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    light, out = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    light.inputs["Color"].default_value = (*color, 1)
    light.inputs["Strength"].default_value = strength
    tree.links.new(light.outputs[0], out.inputs["Surface"])
    return made


def rock_material() -> bpy.types.Material:
    """Dark wet stone, with cracks in its bump."""
    made = material("rock", (0.018, 0.026, 0.032), 0.55)
    tree = made.node_tree
    grain, bump = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeBump")
    grain.inputs["Scale"].default_value = 1.7
    grain.inputs["Detail"].default_value = 9
    bump.inputs["Strength"].default_value = 0.9
    bump.inputs["Distance"].default_value = 0.5
    place = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(place.outputs["Object"], grain.inputs["Vector"])
    tree.links.new(grain.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], tree.nodes["Principled BSDF"].inputs["Normal"])
    return made


def water_material() -> bpy.types.Material:
    """Deep teal water with small ripples over its waves."""
    made = material("water", (0.002, 0.052, 0.066), 0.07)
    tree = made.node_tree
    surface = tree.nodes["Principled BSDF"]
    surface.inputs["IOR"].default_value = 1.33
    ripples, bump, place = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexNoise", "Bump", "TexCoord"))
    stretch = tree.nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (0.8, 2.0, 1.0)
    ripples.inputs["Scale"].default_value = 1.6
    ripples.inputs["Detail"].default_value = 5
    bump.inputs["Strength"].default_value = 0.35
    bump.inputs["Distance"].default_value = 0.16
    tree.links.new(place.outputs["Object"], stretch.inputs["Vector"])
    tree.links.new(stretch.outputs[0], ripples.inputs["Vector"])
    tree.links.new(ripples.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], surface.inputs["Normal"])
    return made


# --- shapes ----------------------------------------------------------------------------------------------------------


def add(name: str, mesh: bpy.types.Mesh, surface: bpy.types.Material, smooth: bool = False) -> bpy.types.Object:
    """Puts a mesh into the scene."""
    mesh.materials.append(surface)
    mesh.polygons.foreach_set("use_smooth", [smooth] * len(mesh.polygons))
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def lathe(name: str, profile: list[tuple[float, float]], at: Vector, surface: bpy.types.Material) -> bpy.types.Object:
    """A body of revolution about the vertical through `at`, from (radius, height) pairs."""
    turns = 48
    points = [
        (at.x + r * math.cos(2 * math.pi * i / turns), at.y + r * math.sin(2 * math.pi * i / turns), at.z + z)
        for r, z in profile
        for i in range(turns)
    ]
    faces = [
        (row * turns + i, row * turns + (i + 1) % turns, (row + 1) * turns + (i + 1) % turns, (row + 1) * turns + i)
        for row in range(len(profile) - 1)
        for i in range(turns)
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    return add(name, mesh, surface, smooth=False)


def terrain(
    name: str, low: Vector, high: Vector, cells: tuple[int, int], surface: bpy.types.Material, height: Height
) -> None:
    """A grid from `low` to `high` in x and y, raised by `height(x, y)`."""
    columns, rows = cells
    xs, ys = np.linspace(low.x, high.x, columns), np.linspace(low.y, high.y, rows)
    points = [(x, y, height(x, y)) for y in ys for x in xs]
    faces = [
        (r * columns + c, r * columns + c + 1, (r + 1) * columns + c + 1, (r + 1) * columns + c)
        for r in range(rows - 1)
        for c in range(columns - 1)
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    add(name, mesh, surface, smooth=False)


def island_height(x: float, y: float) -> float:
    """The island: a ragged hump that leans to the right and rises under the tower."""
    across, along = (x - 12.0) / 15.0, (y - 62.0) / 14.0
    hump = math.exp(-((across * across) + along * along) * 2.2)
    shoulder = 0.45 * math.exp(-(((x - 22) / 8) ** 2 + ((y - 64) / 9) ** 2) * 1.6)
    ragged = noise.fractal(Vector((x * 0.22, y * 0.22, 3.7)), 0.7, 2.1, 7)
    ridged = noise.ridged_multi_fractal(Vector((x * 0.11, y * 0.11, 1.2)), 0.9, 2.0, 6, 1.0, 2.0)
    table = min(hump + shoulder, 0.80)
    return 10.5 * table * (0.66 + 0.20 * ridged) + 2.0 * ragged * min(1.0, 2.5 * table) - 2.2


def add_land() -> None:
    """The island, a reef before it, and three ridges behind, each paler than the one before."""
    rock = rock_material()
    terrain("island", Vector((-16, 40, 0)), Vector((38, 86, 0)), (190, 160), rock, island_height)

    def reef(x: float, y: float) -> float:
        hump = 0.9 * math.exp(-(((x - 8.5) / 2.6) ** 2 + ((y - 14.5) / 2.2) ** 2))
        hump += 0.75 * math.exp(-(((x - 5.6) / 1.0) ** 2 + ((y - 16) / 0.9) ** 2))
        return 2.3 * hump * (0.7 + 0.5 * noise.fractal(Vector((x * 0.5, y * 0.5, 9.1)), 0.8, 2.1, 6)) - 0.45

    terrain("reef", Vector((3, 10, 0)), Vector((14, 20, 0)), (140, 120), rock, reef)
    for i, (far, tall) in enumerate(((170, 14), (300, 34), (480, 66))):

        def ridge(x: float, y: float, i: int = i, far: float = far, tall: float = tall) -> float:
            roll = noise.fractal(Vector((x / far * 2.6 + 7.3 * i, 4.0 * i, 0.5)), 1.0, 2.0, 6)
            lean = 0.62 + 0.5 * math.tanh(-x / far * 2.2 + (0.5, 0.1, -0.35)[i])
            return -3 + (tall * max(0.0, lean + 0.55 * roll)) * max(0.0, 1 - abs(y - far) / 26)

        surface = material(f"ridge {i}", (0.02, 0.05, 0.06), 1.0)
        terrain(
            f"ridge {i}", Vector((-far * 0.9, far - 26, 0)), Vector((far * 0.9, far + 26, 0)), (360, 9), surface, ridge
        )


def add_sea() -> None:
    """Waves from Blender's ocean, near the camera; a flat sheet beyond."""
    surface = water_material()
    mesh = bpy.data.meshes.new("sea")
    sea = add("sea", mesh, surface, smooth=True)
    ocean = sea.modifiers.new("ocean", "OCEAN")
    ocean.geometry_mode = "GENERATE"
    ocean.resolution = ocean.viewport_resolution = 16
    ocean.repeat_x, ocean.repeat_y = 6, 6
    ocean.spatial_size = 60
    ocean.size = 1.0
    ocean.wave_scale = 0.55
    ocean.choppiness = 1.0
    ocean.wind_velocity = 9
    ocean.wave_scale_min = 0.02
    ocean.wave_alignment = 0.5
    ocean.wave_direction = 1.2
    ocean.random_seed = 4
    ocean.time = 3.0
    sea.location = (-180 + 30, -10, 0)
    flat = bpy.data.meshes.new("far sea")
    flat.from_pydata(
        [(-4000, 340, -0.1), (4000, 340, -0.1), (4000, 8000, -0.1), (-4000, 8000, -0.1)], [], [(0, 1, 2, 3)]
    )
    add("far sea", flat, surface)


def add_lighthouse() -> None:
    """A tapered white tower with one dark band, a gallery, a lit lantern room and a cap; a keeper's cottage."""
    base = Vector((LAMP.x, LAMP.y, LAMP.z - 15.2))
    white, dark = material("plaster", (0.50, 0.50, 0.47), 0.7), material("iron", (0.02, 0.022, 0.025), 0.4)
    red = material("band", (0.20, 0.035, 0.02), 0.7)
    lathe("tower", [(2.6, -4), (2.25, 0), (1.98, 4), (1.76, 7.6)], base, white)
    lathe("stripe", [(1.76, 7.6), (1.64, 9.8)], base, red)
    lathe("neck", [(1.64, 9.8), (1.5, 12.6), (1.75, 13.0)], base, white)
    lathe("gallery", [(1.5, 12.95), (2.45, 13.05), (2.45, 13.3), (1.2, 13.3)], base, dark)
    lathe("rail", [(2.38, 14.25), (2.42, 14.25), (2.42, 14.33), (2.38, 14.33)], base, dark)
    for i in range(20):
        angle = 2 * math.pi * i / 20
        foot = base + Vector((2.4 * math.cos(angle), 2.4 * math.sin(angle), 13.2))
        lathe("post", [(0.035, 0), (0.035, 1.1)], foot, dark)
    lathe("lamp", [(0.0, 13.9), (0.62, 14.1), (0.78, 15.2), (0.62, 16.2), (0.0, 16.4)], base, glow("lamp", AMBER, 26))
    for i in range(8):
        angle = 2 * math.pi * (i + 0.5) / 8
        foot = base + Vector((1.22 * math.cos(angle), 1.22 * math.sin(angle), 13.3))
        lathe("mullion", [(0.05, 0), (0.05, 3.4)], foot, dark)
    lathe("cap", [(1.5, 16.6), (1.45, 16.8), (0.8, 17.9), (0.16, 18.3), (0.16, 18.9), (0.0, 19.1)], base, dark)
    light = bpy.data.lights.new("lamp light", "POINT")
    light.color, light.energy, light.shadow_soft_size = AMBER, 16000, 0.9
    lamp = bpy.data.objects.new("lamp light", light)
    lamp.location = LAMP
    bpy.context.scene.collection.objects.link(lamp)
    for height, turn in ((3.2, -1.9), (6.4, -1.5), (11.2, -1.7)):
        add_box(
            "window", base + Vector((2.0 * math.cos(turn) * (1 - 0.012 * height), 1.95 * math.sin(turn), height)),
            (0.42, 0.30, 0.75), glow("window", AMBER, 3.5),
        )  # fmt: skip
    add_cottage(base + Vector((6.2, -0.5, -0.4)), white, dark)


def add_box(name: str, at: Vector, size: tuple[float, float, float], surface: bpy.types.Material) -> None:
    """A box centred on `at`."""
    corners = [(x * size[0] / 2, y * size[1] / 2, z * size[2] / 2) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    add(name, mesh, surface).location = at


def add_cottage(at: Vector, wall: bpy.types.Material, roof: bpy.types.Material) -> None:
    """The keeper's cottage, with two lit windows and a chimney."""
    add_box("cottage", at + Vector((0, 0, 0.6)), (5.2, 3.6, 3.4), wall)
    mesh = bpy.data.meshes.new("roof")
    x, y, low, top = 2.9, 2.1, 2.2, 4.1
    points = [(-x, -y, low), (x, -y, low), (x, y, low), (-x, y, low), (-x, 0, top), (x, 0, top)]
    mesh.from_pydata(points, [], [(0, 1, 5, 4), (2, 3, 4, 5), (0, 4, 3), (1, 2, 5)])
    add("roof", mesh, roof).location = at
    add_box("chimney", at + Vector((1.5, 0, 4.0)), (0.6, 0.6, 1.7), roof)
    for shift in (-1.2, 1.1):
        add_box("pane", at + Vector((shift, -1.81, 0.9)), (0.75, 0.06, 0.95), glow("pane", AMBER, 4.5))


def add_boat() -> None:
    """A clinker rowing boat, its stern to us, with a lantern on a pole at the bow and a figure in a coat."""
    hull_material, coat = material("hull", (0.045, 0.028, 0.02), 0.5), material("coat", (0.012, 0.014, 0.018), 0.85)
    stations, ribs = 21, 13
    points: list[tuple[float, float, float]] = []
    for i in range(stations):
        t = i / (stations - 1)
        beam = 0.92 * (math.sin(math.pi * (0.17 + 0.83 * t)) ** 0.62 if t < 1 else 0.0)
        sheer = 0.52 + 0.5 * (2 * t - 0.8) ** 2 * 0.55
        for j in range(ribs):
            a = math.pi * (j / (ribs - 1) - 0.5)
            depth = 1 - abs(math.sin(a)) ** 2.4
            points.append((beam * math.sin(a), (t - 0.5) * 4.6, sheer - (sheer + 0.28) * depth))
    faces = [
        (i * ribs + j, i * ribs + j + 1, (i + 1) * ribs + j + 1, (i + 1) * ribs + j)
        for i in range(stations - 1)
        for j in range(ribs - 1)
    ]
    faces.append(tuple(range(ribs)))
    mesh = bpy.data.meshes.new("boat")
    mesh.from_pydata(points, [], faces)
    boat = add("boat", mesh, hull_material, smooth=True)
    thickness = boat.modifiers.new("thickness", "SOLIDIFY")
    thickness.thickness = 0.05
    boat.location, boat.rotation_euler = BOAT + Vector((0, 0, 0.12)), (0.03, -0.05, -0.55)
    turn = boat.rotation_euler.to_matrix()

    def there(x: float, y: float, z: float) -> Vector:
        return BOAT + turn @ Vector((x, y, z + 0.12))

    add_box("thwart", there(0, -0.4, 0.32), (1.5, 0.3, 0.05), hull_material)
    lathe(
        "figure",
        [(0.0, -0.35), (0.34, -0.3), (0.36, 0.1), (0.30, 0.5), (0.24, 0.72), (0.10, 0.82)],
        there(0, -0.4, 0.4),
        coat,
    )
    lathe("head", [(0.0, 0.76), (0.13, 0.84), (0.16, 0.97), (0.14, 1.1), (0.0, 1.18)], there(0, -0.36, 0.4), coat)
    lathe("brim", [(0.0, 1.06), (0.27, 1.03), (0.16, 1.1), (0.13, 1.22), (0.0, 1.25)], there(0, -0.36, 0.4), coat)
    pole = there(0, 2.0, 0.5)
    lathe("pole", [(0.03, 0), (0.025, 1.25)], pole, coat)
    lathe(
        "lantern",
        [(0.0, 0), (0.085, 0.03), (0.1, 0.14), (0.085, 0.27), (0, 0.29)],
        pole + Vector((0, 0, 1.2)),
        glow("lantern", AMBER, 40),
    )
    lathe("lid", [(0.13, 0.28), (0.05, 0.37), (0.0, 0.42)], pole + Vector((0, 0, 1.2)), coat)
    light = bpy.data.lights.new("lantern light", "POINT")
    light.color, light.energy, light.shadow_soft_size = AMBER, 110, 0.12
    lantern = bpy.data.objects.new("lantern light", light)
    lantern.location = pole + Vector((0, 0, 1.34))
    bpy.context.scene.collection.objects.link(lantern)


# --- render ----------------------------------------------------------------------------------------------------------


def add_sky() -> None:
    """The world's light: the dusk with its clouds, as an equirectangular picture."""
    height, width = 512, 1024
    up = np.linspace(-np.pi / 2, np.pi / 2, height)[:, None] + np.zeros((1, width))
    around = np.linspace(-np.pi, np.pi, width)[None, :] + np.zeros((height, 1))
    pixels = np.where(up[..., None] < 0, np.array((0.05, 0.045, 0.04)), dusk(around, up))
    picture = bpy.data.images.new("sky", width, height, float_buffer=True)
    picture.colorspace_settings.name = "Linear Rec.709"
    picture.pixels.foreach_set(np.dstack([pixels, np.ones((height, width))]).astype(np.float32).ravel())
    world = bpy.data.worlds.new("dusk")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    dome, place, turn = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexEnvironment", "TexCoord", "Mapping"))
    dome.image = picture
    turn.inputs["Rotation"].default_value = (0, 0, math.radians(-90))
    tree.links.new(place.outputs["Generated"], turn.inputs["Vector"])
    tree.links.new(turn.outputs[0], dome.inputs["Vector"])
    tree.links.new(dome.outputs[0], tree.nodes["Background"].inputs["Color"])


def add_afterglow() -> None:
    """A low warm light from the left, behind everything: it draws the edges."""
    light = bpy.data.lights.new("afterglow", "SUN")
    light.color, light.energy, light.angle = (1.0, 0.50, 0.22), 2.4, math.radians(9)
    made = bpy.data.objects.new("afterglow", light)
    made.rotation_euler = Vector((0.90, -0.42, -0.20)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(made)


def add_camera() -> None:
    """Low over the water, the horizon in the lower third."""
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens, camera.data.sensor_width, camera.data.clip_end = LENS_MM, 36, 20_000
    camera.location = (0, 0, CAMERA_M)
    camera.rotation_euler = (math.radians(90 + TILT_DEG), 0, 0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def render(size_px: int, samples: int) -> np.ndarray:
    """Builds the scene and renders it: linear RGBA (h, w, 4), premultiplied, the sky left empty."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for build in (add_sky, add_afterglow, add_land, add_sea, add_lighthouse, add_boat, add_camera):
        build()
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.seed = samples, 1852
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces, scene.cycles.caustics_reflective = 5, False
    scene.cycles.sample_clamp_indirect = 4.0
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = size_px
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode = "RGBA"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/cover.exr"
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(size_px * size_px * 4, dtype=np.float32)
        picture.pixels.foreach_get(pixels)
    return pixels.reshape(size_px, size_px, 4)[::-1].astype(np.float64)


# --- develop ---------------------------------------------------------------------------------------------------------


def directions(size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation, in radians, of every pixel's line of sight."""
    reach = 18.0 / LENS_MM
    x = np.linspace(-reach, reach, size_px)[None, :] + np.zeros((size_px, 1))
    y = np.linspace(reach, -reach, size_px)[:, None] + np.zeros((1, size_px))
    tilt = math.radians(TILT_DEG)
    ahead, above = math.cos(tilt) - y * math.sin(tilt), math.sin(tilt) + y * math.cos(tilt)
    return np.arctan2(x, ahead), np.arctan2(above, np.hypot(x, ahead))


def to_px(point: Vector, size_px: int) -> tuple[float, float]:
    """Where a point of the scene is in the picture."""
    tilt, height = math.radians(TILT_DEG), point.z - CAMERA_M
    ahead = point.y * math.cos(tilt) + height * math.sin(tilt)
    above = height * math.cos(tilt) - point.y * math.sin(tilt)
    scale = LENS_MM / 36 * size_px
    return size_px / 2 + point.x / ahead * scale, size_px / 2 - above / ahead * scale


def paint_sky(size_px: int) -> np.ndarray:
    """The sky behind the render: dusk, long clouds lit from below, stars and a young moon."""
    around, up = directions(size_px)
    sky = dusk(around, up)
    warped = cloud_field((size_px, size_px), 0.26, 12) + 0.35 * cloud_field((size_px, size_px), 0.55, 5)
    bands = np.exp(-(((up - 0.20) / 0.10) ** 2)) + 0.75 * np.exp(-(((up - 0.42) / 0.07) ** 2))
    cover = np.clip((warped - 0.15) / 1.6, 0, 1) ** 1.3 * np.clip(bands, 0, 1)
    edge = np.clip(warped - np.roll(warped, -max(1, size_px // 90), axis=0), 0, None)
    lit = np.exp(-(((around + 0.22) / 0.5) ** 2)) * np.exp(-np.clip(up, 0, None) / 0.30)
    shade = (
        0.42 * sky
        + np.array((0.016, 0.034, 0.042))
        + (0.75 * lit * np.clip(edge * 2.0, 0, 1))[..., None] * np.array((0.75, 0.30, 0.10))
    )
    sky = sky * (1 - 0.85 * cover[..., None]) + shade * 0.85 * cover[..., None]
    return sky + (stars(size_px, up) * (1 - cover))[..., None] * np.array((0.85, 0.95, 1.0)) + moon(size_px)


def stars(size_px: int, up: np.ndarray) -> np.ndarray:
    """The first stars: few, and only where the sky is dark."""
    rng = np.random.default_rng(7)
    light = np.zeros((size_px, size_px))
    unit = size_px / 1500
    for _ in range(190):
        x, y = rng.random(2) * size_px
        bright = 0.10 + 1.1 * rng.random() ** 7
        radius = (0.75 + 0.9 * bright) * max(unit, 0.55)
        ys, xs = np.mgrid[max(0, int(y) - 6) : int(y) + 7, max(0, int(x) - 6) : int(x) + 7]
        ys, xs = np.clip(ys, 0, size_px - 1), np.clip(xs, 0, size_px - 1)
        light[ys, xs] += bright * np.exp(-((ys - y) ** 2 + (xs - x) ** 2) / (2 * radius**2))
    return light * np.clip((up - 0.22) / 0.22, 0, 1)


def moon(size_px: int) -> np.ndarray:
    """A young moon, thin and tilted, with earthshine and a halo."""
    x0, y0, radius = 0.215 * size_px, 0.175 * size_px, 0.027 * size_px
    ys, xs = np.mgrid[0:size_px, 0:size_px]
    away = np.hypot(xs - x0, ys - y0)
    disc = np.clip(radius - away + 0.5, 0, 1)
    shadow = np.clip(1.0 * radius - np.hypot(xs - x0 + 0.42 * radius, ys - y0 + 0.30 * radius) + 0.5, 0, 1)
    halo = np.exp(-away / (2.2 * radius)) * 0.05 + np.exp(-((away / (5.5 * radius)) ** 2)) * 0.022
    return (disc * (1 - shadow))[..., None] * np.array((1.5, 1.25, 0.9)) + (0.02 * disc + halo)[..., None] * np.array(
        (1.0, 0.86, 0.62)
    )


def beam(size_px: int, toward_deg: float, spread_deg: float, length: float) -> np.ndarray:
    """The lamp's cone in the haze (h, w): brightest at the lamp, soft at its edges. `length` in picture widths."""
    x0, y0 = to_px(LAMP, size_px)
    ys, xs = np.mgrid[0:size_px, 0:size_px]
    dx, dy = (xs - x0) / size_px, (y0 - ys) / size_px
    angle = math.radians(toward_deg)
    along, across = dx * math.cos(angle) + dy * math.sin(angle), -dx * math.sin(angle) + dy * math.cos(angle)
    width = 0.008 + np.clip(along, 0, None) * math.tan(math.radians(spread_deg))
    profile = np.exp(-(np.abs(across / width) ** 2.6)) * (0.75 + 0.25 * np.exp(-((across / width) ** 2) * 5))
    mist = 1 + 0.22 * cloud_field((size_px, size_px), 0.4, 21)
    fade = np.exp(-np.clip(along, 0, None) / length) * 0.010 / (0.010 + 0.10 * np.clip(along, 0, None) + 0.004)
    return np.where(along > -0.004, profile * fade * np.clip(mist, 0.4, 1.6), 0.0)


def bloom(image: np.ndarray, size_px: int) -> np.ndarray:
    """Light that spills around what is brighter than white."""
    bright = np.clip(image - 0.9, 0, 14)
    spill = np.zeros_like(image)
    for radius, level in ((0.004, 0.22), (0.014, 0.16), (0.045, 0.14), (0.12, 0.10)):
        spill += level * gaussian_filter(bright, (radius * size_px, radius * size_px, 0))
    return image + spill


def film(image: np.ndarray, size_px: int) -> np.ndarray:
    """Linear light to 8-bit sRGB: a soft shoulder, contrast, rich teal and amber, a vignette, grain."""
    ys, xs = np.linspace(-1, 1, size_px)[:, None], np.linspace(-1, 1, size_px)[None, :]
    image = image * (1 - 0.17 * np.clip(xs**2 + ys**2, 0, 2) ** 1.2)[..., None] * 1.5
    image = image * (1 + image / 9.0) / (1 + image * 0.82)
    encoded = np.where(image <= 0.0031308, 12.92 * image, 1.055 * np.clip(image, 1e-9, None) ** (1 / 2.4) - 0.055)
    encoded = np.clip(encoded, 0, 1)
    encoded += 0.32 * (encoded * encoded * (3 - 2 * encoded) - encoded)
    luma = encoded @ np.array((0.2126, 0.7152, 0.0722))
    encoded += ((1 - luma) ** 3)[..., None] * np.array((-0.004, 0.012, 0.020))
    encoded = luma[..., None] + SATURATION * (encoded - luma[..., None])
    yellow = np.clip(np.minimum(encoded[..., 0], encoded[..., 1]) - encoded[..., 2], 0, None)
    encoded[..., 1] -= AMBER_PULL * yellow
    grain = gaussian_filter(np.random.default_rng(3).standard_normal((size_px, size_px)), 0.6 * size_px / 1500)
    encoded += (0.010 * grain / grain.std() * (0.5 + luma * (1 - luma) * 2))[..., None]
    return np.clip(np.round(encoded * 255), 0, 255).astype(np.uint8)


def develop(layer: np.ndarray) -> np.ndarray:
    """The finished picture (h, w, 3), from the render: sky behind, light in the air, film."""
    size_px = len(layer)
    image = layer[..., :3] + paint_sky(size_px) * (1 - layer[..., 3:])
    light = 2.6 * beam(size_px, 184.0, 6.0, 0.75) + 1.6 * beam(size_px, 4.0, 6.0, 0.6)
    image = image + light[..., None] * np.array((1.0, 0.56, 0.20))
    return film(bloom(image, size_px), size_px)


def main(arguments: list[str]) -> None:
    """Renders, develops and writes the cover."""
    parser = argparse.ArgumentParser(description="Write the example cover.")
    parser.add_argument("--size", type=int, default=SIZE_PX, help="pixels on each side")
    parser.add_argument("--samples", type=int, default=28, help="per pixel")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "cover.jpg")
    asked = parser.parse_args(arguments)
    picture = Image.fromarray(develop(render(asked.size, asked.samples)))
    beside = asked.output.with_name(asked.output.stem + "~" + asked.output.suffix)
    picture.save(beside, quality=91, optimize=True)
    beside.replace(asked.output)


if __name__ == "__main__":
    main(sys.argv[1:])
